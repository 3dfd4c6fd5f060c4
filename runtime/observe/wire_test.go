package observe

import (
	"bytes"
	"testing"
)

func sample() Event {
	return Event{
		Time: 1962451260974, Kind: Generate, Evidence: Observed, Origin: BPF,
		Has: HasCPU | HasResult | HasCode | HasMasks, Flags: FlagGroup | FlagInit, CPU: 1,
		Signal: 15, Result: Ignored, State: 'S', Code: -6, Status: 9, Handler: 0x55d0deadbeef, Count: 7,
		Blocked: 1 << 63, RealBlocked: 1,
		Task:   Task{Pid: 10, Tgid: 9, Inside: Unknown, Own: Unknown, Depth: Unknown, Parent: 1, Comm: Comm("a name that is too long")},
		Target: Task{Pid: 12, Tgid: 12, Inside: 7, Own: 1, Depth: 1, Parent: 11, Comm: Comm("sh")},
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	want := sample()
	b := AppendWire([]byte("x"), &want)
	if len(b) != 1+WireSize {
		t.Fatalf("%d bytes", len(b))
	}
	got, err := DecodeWire(b[1:])
	if err != nil || got != want {
		t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if name := got.Task.Name(); name != "a name that is " {
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
		if _, err := DecodeWire(AppendWire(nil, &e)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := DecodeWire(make([]byte, WireSize-1)); err == nil {
		t.Error("a short record was taken")
	}
}

func FuzzDecodeWire(f *testing.F) {
	e := sample()
	f.Add(AppendWire(nil, &e))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeWire(b)
		if err != nil {
			return
		}
		again, err := DecodeWire(AppendWire(nil, &e))
		if err != nil || again != e || len(b) != WireSize {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
		if !bytes.Equal(b[WireTask:WireTarget+WireTaskSize], AppendWire(nil, &e)[WireTask:WireTarget+WireTaskSize]) {
			t.Fatal("the tasks differ")
		}
	})
}
