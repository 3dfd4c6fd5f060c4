package tracefs

import (
	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/signals"
)

// generate: a signal from a member or to one. An interrupt has no sender, and
// what a member sends to the outside counts if it is the member's doing.
func (t *tracker) generate(r *raw) {
	target := t.member(r.pid)
	if target == nil && (r.irq || t.member(r.by) == nil || !deliberate(r)) {
		return
	}
	e := observe.Event{
		Kind: observe.Generate, Signal: r.signal, Result: r.result, Code: r.code,
		Has: observe.HasResult | observe.HasCode | observe.HasGroup,
	}
	if r.group {
		e.Flags |= observe.FlagGroup
	}
	var by, of *process
	if !r.irq {
		e.Task, by = t.task(r.by)
	}
	if e.Target, of = t.task(r.pid); of == nil && e.Target.Comm == [16]byte{} {
		e.Target.Comm = r.comm
	}
	if of != nil && r.result == observe.Queued {
		of.queue(r.signal)
	}
	t.emit(r, e, by, of)
}

// deliberate tells what a task sends from what the kernel sends in its context
// on somebody else's behalf, such as a timer's signal.
func deliberate(r *raw) bool { return r.code <= 0 || r.signal == uint8(unix.SIGCHLD) }

func (p *process) queue(sig uint8) {
	p.pending |= signals.SetOf(int(sig))
	if fatalByDefault(sig) && !dumps(sig) {
		p.coming = sig
	}
}

// deliver notes what the thread would die of. SIGKILL also stands for another
// signal whose sender has begun the group exit already (complete_signal).
func (t *tracker) deliver(r *raw) {
	th := t.member(r.by)
	if th == nil {
		return
	}
	e := observe.Event{
		Kind: observe.Deliver, Signal: r.signal, Code: r.code, Handler: uint64(r.number),
		Has: observe.HasCode | observe.HasHandler, Task: th.task(),
	}
	t.emit(r, e, th.p, nil)
	p, sig := th.p, r.signal
	if sig == uint8(unix.SIGKILL) && !p.pending.Has(int(sig)) && p.coming != 0 {
		sig = p.coming
	}
	if r.number == 0 && fatalByDefault(sig) && (p.fatal == 0 || r.signal == uint8(unix.SIGKILL)) {
		p.fatal = sig
	}
	p.pending &^= signals.SetOf(int(r.signal))
	if p.coming == r.signal {
		p.coming = 0
	}
}

// fatalByDefault and dumps are the classes of include/linux/signal.h.
func fatalByDefault(sig uint8) bool {
	switch unix.Signal(sig) {
	case unix.SIGCONT, unix.SIGCHLD, unix.SIGWINCH, unix.SIGURG, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return false
	}
	return true
}

func dumps(sig uint8) bool {
	switch unix.Signal(sig) {
	case unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGFPE, unix.SIGSEGV, unix.SIGBUS, unix.SIGSYS, unix.SIGXCPU, unix.SIGXFSZ:
		return true
	}
	return false
}
