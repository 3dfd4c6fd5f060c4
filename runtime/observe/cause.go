package observe

import (
	"strconv"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// A Cause is why a process has ended.
type Cause struct {
	Kind   CauseKind
	Signal uint8    // that ended it, or 0
	Way    Way      // BySignal: who is behind the signal
	Entry  *Entry   // BySignal: the Generate, or nil
	By     *Process // BySignal: the sender, or nil
	Words  string
}

// CauseKind is the kind of a cause.
type CauseKind uint8

// The kinds of causes.
const (
	NotEnded CauseKind = iota
	Itself             // it exited
	BySignal           // a signal that is in the timeline
	ByReboot           // reboot(2) in its PID namespace, which looks like a signal
	Unsent             // the kernel ended it as if by a signal, and sent none: seccomp's strict mode
	Before             // a signal that is not in the timeline: sent before it begins, or lost
	Untold             // the source does not tell statuses, and saw no signal
	Unseen             // a signal, and the source sees none
)

var causeKinds = [...]string{"", "exit", "signal", "reboot", "unsent", "before", "untold", "unseen"}

// String is the word of the JSON.
func (k CauseKind) String() string { return causeKinds[min(int(k), len(causeKinds)-1)] }

// judgeExit finds the cause of a process's end. It is looked for again when
// the status has become known.
func (b *builder) judgeExit(p *Process) {
	if p.judged {
		return
	}
	p.judged = p.Known
	p.Cause = Cause{Signal: p.signalOf()}
	c := &p.Cause
	switch sig := c.Signal; {
	case sig == 0 && p.Known:
		c.Kind, c.Words = Itself, exitWords(p)
	case sig == 0:
		c.Kind, c.Words = Untold, "it exited by itself, as it seems; this source does not tell the code"
	case p.bySignal(c):
		c.Kind, c.Words = BySignal, p.killWords(c)
	case b.Origin == Proc:
		c.Kind, c.Words = Unseen, b.unseen(p, sig)
	case p.Own == 1 && (sig == uint8(unix.SIGHUP) || sig == uint8(unix.SIGINT)):
		c.Kind, c.Words = ByReboot, "reboot(2) in its PID namespace; "+signals.Name(int(sig))+" was never sent"
	case b.Lost > 0:
		c.Kind, c.Words = Before, signals.Name(int(sig))+" by whom is lost: "+strconv.FormatUint(b.Lost, 10)+" events are missing"
	case p.Begin == 0 && p.killer == nil && len(p.queues) == 0:
		c.Kind, c.Words = Before, signals.Name(int(sig))+", sent before this timeline begins, or by the kernel without a signal"
	default:
		c.Kind, c.Words = Unsent, signals.Name(int(sig))+" that nobody sent: the kernel ended it (seccomp)"
	}
}

// unseen says what a source that sees no signals can say of one.
func (b *builder) unseen(p *Process, sig uint8) string {
	name := signals.Name(int(sig))
	switch init := b.First; {
	case sig != sigkill || init == nil || init == p:
	case init.killer != nil && init.killer.Time <= p.End:
		return name + ", as it seems of zap: " + init.label("") + " had been killed"
	case init.End != 0 && init.End <= p.End:
		return name + ", as it seems of zap: " + init.label("") + " had ended"
	}
	return name + " by whom this source does not see"
}

// signalOf is the signal that ended a process: by its status, or where that is not known, by what began its end.
func (p *Process) signalOf() uint8 {
	switch {
	case p.Known:
		return uint8(p.Status & 0x7f)
	case p.killer != nil:
		return p.killer.Signal
	}
	return 0
}

// bySignal finds the signal: the one that began the end, or the last of its number.
func (p *Process) bySignal(c *Cause) bool {
	if c.Entry = p.killer; c.Entry == nil || c.Entry.Signal != c.Signal {
		c.Entry = nil
		if l := p.queues[c.Signal]; l != nil {
			c.Entry = l.last
		}
	}
	if c.Entry == nil {
		return false
	}
	p.killer = c.Entry
	e := c.Entry
	if p.oom && e.Way == ByKernel {
		e.Way = ByOOM
	}
	c.By, c.Way = e.Who, e.Way
	return true
}

// exitWords explains a code. 128+n by itself is the shell's way, and that of
// a handler that knows its manners.
func exitWords(p *Process) string {
	n := int(p.Status >> 8 & 0xff)
	sig := n - 128
	switch {
	case sig < 1 || sig > signals.Last:
		return "it exited by itself"
	case p.handled.Has(sig):
		return "it exited by itself, in or after its handler of " + signals.Name(sig)
	}
	return "it exited by itself, as a shell does whose child " + signals.Name(sig) + " has ended"
}

// killWords say whose signal it was.
func (p *Process) killWords(c *Cause) string {
	name := signals.Name(int(c.Signal))
	switch c.Way {
	case ByZap:
		return "zap, at the end of " + label(c.By)
	case ByOOM:
		return "the kernel, for want of memory (OOM killer)"
	case ByCgroupKill:
		return name + " by cgroup.kill, written by " + label(c.By)
	case ByFault:
		if p.abort != nil && p.Own == 1 {
			return "abort(): PID 1 ignores its own SIGABRT, so the C library ran into a trap, " + name
		}
		return name + " from a fault of its own"
	case ByItself:
		if c.Signal == sigabrt {
			return "abort() or an assertion of its own"
		}
		return name + " that it sent to itself"
	case ByDeath:
		return name + " at the end of its parent " + label(c.By) + " (PR_SET_PDEATHSIG)"
	case ByTimer:
		return name + " from a timer or a file of its own"
	case ByKernel:
		return name + " from the kernel: a terminal, a resource limit or a timer"
	}
	return name + " from " + label(c.By)
}

// oomKill ties the victim to the signal that came just before (__oom_kill_process).
func (b *builder) oomKill(e *Entry) {
	victim := e.Whom
	if victim == nil {
		victim = e.Who
	}
	if victim != nil {
		victim.oom = true
		e.Pair = victim.letters(sigkill).last
	}
}
