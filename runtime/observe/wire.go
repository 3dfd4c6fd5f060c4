package observe

import (
	"encoding/binary"
	"fmt"

	"minirun/runtime/signals"
)

// WireSize is the size in bytes of a record.
const WireSize = 152

// The record in which events come through the pipe from minirun-observe. The
// eBPF programs fill it in the ring buffer, so that nothing is worked out on
// its way: little-endian, every number aligned, unknown numbers of a task -1.
//
//	 0  u64  Time        bpf_ktime_get_ns
//	 8  u8   Kind
//	 9  u8   Signal
//	10  u8   Result
//	11  u8   State
//	12  u16  Has
//	14  u16  Flags
//	16  u16  CPU
//	18  u16  Evidence (low byte), Origin (high byte)
//	20  i32  Code
//	24  u32  Status
//	28  u32  zero
//	32  u64  Handler
//	40  u64  Count
//	48  u64  Blocked
//	56  u64  RealBlocked
//	64       Task: i32 Pid, Tgid, Inside, Own, Depth, Parent; 16 bytes of Comm   40 bytes
//	104      Target: the same                                                  40 bytes
//	144 u64  zero (room to grow)
//
// Text, Caught and Ignored do not travel.
const (
	WireTime        = 0
	WireKind        = 8
	WireSignal      = 9
	WireResult      = 10
	WireState       = 11
	WireHas         = 12
	WireFlags       = 14
	WireCPU         = 16
	WireEvidence    = 18
	WireOrigin      = 19
	WireCode        = 20
	WireStatus      = 24
	WireHandler     = 32
	WireCount       = 40
	WireBlocked     = 48
	WireRealBlocked = 56
	WireTask        = 64
	WireTarget      = 104
)

// The offsets within a task.
const (
	WirePid      = 0
	WireTgid     = 4
	WireInside   = 8
	WireOwn      = 12
	WireDepth    = 16
	WireParent   = 20
	WireComm     = 24
	WireTaskSize = 40
)

// AppendWire appends the record of an event.
func AppendWire(dst []byte, e *Event) []byte {
	dst = append(dst, make([]byte, WireSize)...)
	b, le := dst[len(dst)-WireSize:], binary.LittleEndian
	le.PutUint64(b[WireTime:], uint64(e.Time))
	b[WireKind], b[WireSignal], b[WireResult], b[WireState] = byte(e.Kind), e.Signal, e.Result, e.State
	le.PutUint16(b[WireHas:], uint16(e.Has))
	le.PutUint16(b[WireFlags:], uint16(e.Flags))
	le.PutUint16(b[WireCPU:], e.CPU)
	b[WireEvidence], b[WireOrigin] = byte(e.Evidence), byte(e.Origin)
	le.PutUint32(b[WireCode:], uint32(e.Code))
	le.PutUint32(b[WireStatus:], e.Status)
	le.PutUint64(b[WireHandler:], e.Handler)
	le.PutUint64(b[WireCount:], e.Count)
	le.PutUint64(b[WireBlocked:], uint64(e.Blocked))
	le.PutUint64(b[WireRealBlocked:], uint64(e.RealBlocked))
	e.Task.put(b[WireTask:])
	e.Target.put(b[WireTarget:])
	return dst
}

func (t *Task) put(b []byte) {
	for i, n := range [...]int32{t.Pid, t.Tgid, t.Inside, t.Own, t.Depth, t.Parent} {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(n))
	}
	copy(b[WireComm:], t.Comm[:])
}

// DecodeWire reads one record of exactly WireSize bytes. It refuses what no
// source writes: a kind or a signal that there is not.
func DecodeWire(b []byte) (Event, error) {
	if len(b) != WireSize {
		return Event{}, fmt.Errorf("decode record: %d bytes, want %d", len(b), WireSize)
	}
	le := binary.LittleEndian
	e := Event{
		Time: int64(le.Uint64(b[WireTime:])), Kind: Kind(b[WireKind]),
		Signal: b[WireSignal], Result: b[WireResult], State: b[WireState],
		Has: Has(le.Uint16(b[WireHas:])), Flags: Flags(le.Uint16(b[WireFlags:])), CPU: le.Uint16(b[WireCPU:]),
		Evidence: Evidence(b[WireEvidence]), Origin: Origin(b[WireOrigin]),
		Code: int32(le.Uint32(b[WireCode:])), Status: le.Uint32(b[WireStatus:]),
		Handler: le.Uint64(b[WireHandler:]), Count: le.Uint64(b[WireCount:]),
		Blocked: signals.Set(le.Uint64(b[WireBlocked:])), RealBlocked: signals.Set(le.Uint64(b[WireRealBlocked:])),
	}
	e.Task.get(b[WireTask:])
	e.Target.get(b[WireTarget:])
	return e, e.check()
}

func (t *Task) get(b []byte) {
	for i, n := range [...]*int32{&t.Pid, &t.Tgid, &t.Inside, &t.Own, &t.Depth, &t.Parent} {
		*n = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	copy(t.Comm[:], b[WireComm:WireTaskSize])
}

func (e *Event) check() error {
	switch {
	case e.Kind == 0 || e.Kind > lastKind:
		return fmt.Errorf("decode record: kind %d: there is none", e.Kind)
	case e.Signal > signals.Last:
		return fmt.Errorf("decode record: signal %d: there is none", e.Signal)
	case e.Evidence > Done || e.Origin > Proc:
		return fmt.Errorf("decode record: evidence %d of origin %d: there is none", e.Evidence, e.Origin)
	}
	return nil
}
