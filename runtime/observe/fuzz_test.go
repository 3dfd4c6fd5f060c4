package observe

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// Whatever a file holds, it is refused or it is a timeline that every writer can write.
func FuzzReadJSON(f *testing.F) {
	for _, file := range recorded(f) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		about, events, err := ReadJSON(text)
		if err != nil {
			return
		}
		line := Build(about, events)
		for _, format := range []Format{Text, Perfetto, HTML} {
			if err := line.Write(io.Discard, format); err != nil {
				t.Fatal(err)
			}
		}
		var once, twice bytes.Buffer
		if err := line.WriteJSON(&once); err != nil {
			t.Fatal(err)
		}
		if about, events, err = ReadJSON(once.Bytes()); err != nil {
			t.Fatalf("%v in\n%s", err, &once)
		}
		if err := Build(about, events).WriteJSON(&twice); err != nil {
			t.Fatal(err)
		}
		lossy := bytes.Contains(once.Bytes(), []byte("\uFFFD")) // JSON cannot carry what is not UTF-8
		if !lossy && !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("once\n%s\ntwice\n%s", &once, &twice)
		}
	})
}

// A timeline need not know the init, nor a signal its sender.
func TestASignalFromNobodyInAContainerWithoutAnInit(t *testing.T) {
	line := Build(About{}, []Event{
		{Time: 1, Kind: Generate, Signal: sigchld, Code: 1, Has: HasResult | HasCode, Target: Task{Pid: 7, Tgid: 7}},
		{Time: 2, Kind: Deliver, Signal: sigchld},
		{Time: 3, Kind: Exit},
	})
	for _, format := range []Format{Text, JSON, Perfetto, HTML} {
		if err := line.Write(io.Discard, format); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever order records come in and whatever they claim, a timeline comes of them.
func FuzzBuild(f *testing.F) {
	text, err := os.ReadFile("testdata/tracefs/held.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	_, events, err := ReadJSON(text)
	if err != nil {
		f.Fatal(err)
	}
	var wire []byte
	for i := range events {
		wire = AppendWire(wire, &events[i])
	}
	f.Add(wire, int32(events[0].Task.Tgid))
	f.Fuzz(func(t *testing.T, wire []byte, init int32) {
		var events []Event
		for len(wire) > 0 {
			e, size, err := DecodeWire(wire)
			if err != nil || size == 0 {
				break
			}
			events, wire = append(events, e), wire[size:]
		}
		for _, format := range []Format{Text, JSON, Perfetto, HTML} {
			l := NewLive(About{Init: init}, io.Discard, format)
			for i := range events {
				l.Add(events[i])
				if err := l.Advance(events[i].Time); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		line := Build(About{Init: init}, events)
		for _, format := range []Format{Text, JSON, Perfetto, HTML} {
			if err := line.Write(io.Discard, format); err != nil {
				t.Fatal(err)
			}
		}
	})
}
