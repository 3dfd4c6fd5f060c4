package observe

import (
	"encoding/binary"
	"fmt"

	"minirun/runtime/signals"
)

// WireSize is the size in bytes of a record without its text, WireTextMax the
// most that a text can have.
const (
	WireSize    = 152
	WireTextMax = 1024
)

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
//	28  u32  size of Text, which follows the record
//	32  u64  Handler
//	40  u64  Count
//	48  u64  Blocked
//	56  u64  RealBlocked
//	64       Task: i32 Pid, Tgid, Inside, Own, Depth, Parent; 16 bytes of Comm   40 bytes
//	104      Target: the same                                                  40 bytes
//	144 u64  zero (room to grow)
//
// Caught and Ignored follow, a u64 each, if HasActions is set, which no eBPF
// program does; and then Text, without a NUL.
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
	WireTextSize    = 28
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

// wireActions is the size of Caught and Ignored.
const wireActions = 16

// AppendWire appends the record of an event; a text is cut at WireTextMax.
func AppendWire(dst []byte, e *Event) []byte {
	text := e.Text[:min(len(e.Text), WireTextMax)]
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
	le.PutUint32(b[WireTextSize:], uint32(len(text)))
	le.PutUint64(b[WireHandler:], e.Handler)
	le.PutUint64(b[WireCount:], e.Count)
	le.PutUint64(b[WireBlocked:], uint64(e.Blocked))
	le.PutUint64(b[WireRealBlocked:], uint64(e.RealBlocked))
	e.Task.put(b[WireTask:])
	e.Target.put(b[WireTarget:])
	if e.Known(HasActions) {
		dst = le.AppendUint64(le.AppendUint64(dst, uint64(e.Caught)), uint64(e.Ignored))
	}
	return append(dst, text...)
}

func (t *Task) put(b []byte) {
	for i, n := range [...]int32{t.Pid, t.Tgid, t.Inside, t.Own, t.Depth, t.Parent} {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(n))
	}
	copy(b[WireComm:], t.Comm[:])
}

// DecodeWire reads the record at the beginning of b and tells its size, 0 when
// b does not hold the whole of it. It refuses what no source writes: a kind or
// a signal that there is not.
func DecodeWire(b []byte) (e Event, size int, err error) {
	if len(b) < WireSize {
		return e, 0, nil
	}
	le := binary.LittleEndian
	text := le.Uint32(b[WireTextSize:])
	if text > WireTextMax {
		return e, 0, fmt.Errorf("decode record: a text of %d bytes", text)
	}
	head := WireSize
	if Has(le.Uint16(b[WireHas:]))&HasActions != 0 {
		head += wireActions
	}
	if size = head + int(text); len(b) < size {
		return e, 0, nil
	}
	e = Event{
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
	if e.Known(HasActions) {
		e.Caught, e.Ignored = signals.Set(le.Uint64(b[WireSize:])), signals.Set(le.Uint64(b[WireSize+8:]))
	}
	if text > 0 {
		e.Text = string(b[head:size])
	}
	return e, size, e.check()
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
