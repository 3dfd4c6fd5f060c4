package observe

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func sample() Event {
	return Event{
		Time: 1962451260974, Kind: Generate, Evidence: Observed, Origin: BPF,
		Has: HasCPU | HasResult | HasCode | HasMasks, Flags: FlagGroup | FlagInit, CPU: 1,
		Signal: 15, Result: Ignored, State: 'S', Code: -6, Status: 9, Handler: 0x55d0deadbeef, Count: 7,
		Blocked: 1 << 63, RealBlocked: 1,
		Task:   Task{Pid: 10, Tgid: 9, Inside: Unknown, Own: Unknown, Depth: Unknown, Parent: 1, Comm: Comm("a name that is too long")},
		Text:   "/docker/7",
		Target: Task{Pid: 12, Tgid: 12, Inside: 7, Own: 1, Depth: 1, Parent: 11, Comm: Comm("sh")},
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	plain := sample()
	actions := sample()
	actions.Has, actions.Caught, actions.Ignored = actions.Has|HasActions, 1<<14, 1<<63|1
	bare := actions
	bare.Text = ""
	for _, want := range []Event{plain, actions, bare} {
		b := AppendWire([]byte("x"), &want)
		got, size, err := DecodeWire(append(b[1:], "the next one"...))
		if err != nil || got != want || size != len(b)-1 {
			t.Fatalf("got  %+v, %d, %v\nwant %+v, %d", got, size, err, want, len(b)-1)
		}
		for n := range size {
			if _, size, err := DecodeWire(b[1 : 1+n]); size != 0 || err != nil {
				t.Fatalf("of %d bytes it took %d: %v", n, size, err)
			}
		}
	}
	if n := len(AppendWire(nil, &plain)); n != WireSize+len(plain.Text) {
		t.Errorf("%d bytes", n)
	}
	if name := plain.Task.Name(); name != "a name that is " {
		t.Errorf("name %q: the kernel keeps 15 bytes", name)
	}
}

func TestARecordThatNoSourceWritesIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Event){
		"kind 0":     func(e *Event) { e.Kind = 0 },
		"high kind":  func(e *Event) { e.Kind = lastKind + 1 },
		"signal 65":  func(e *Event) { e.Signal = 65 },
		"evidence 3": func(e *Event) { e.Evidence = 3 },
		"origin 4":   func(e *Event) { e.Origin = 4 },
	} {
		e := sample()
		spoil(&e)
		if _, _, err := DecodeWire(AppendWire(nil, &e)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	e := sample()
	long := AppendWire(nil, &e)
	binary.LittleEndian.PutUint32(long[WireTextSize:], WireTextMax+1)
	if _, _, err := DecodeWire(long); err == nil {
		t.Error("an endless text was taken")
	}
}

func FuzzDecodeWire(f *testing.F) {
	e := sample()
	f.Add(AppendWire(nil, &e))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, size, err := DecodeWire(b)
		if err != nil || size == 0 {
			return
		}
		again, length, err := DecodeWire(AppendWire(nil, &e))
		if err != nil || again != e || length != size {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
		if !bytes.Equal(b[WireTask:WireTarget+WireTaskSize], AppendWire(nil, &e)[WireTask:WireTarget+WireTaskSize]) {
			t.Fatal("the tasks differ")
		}
	})
}
