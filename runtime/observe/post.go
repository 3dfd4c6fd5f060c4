package observe

import (
	"slices"
	"syscall"

	"minirun/runtime/signals"
)

const (
	sigkill = uint8(syscall.SIGKILL)
	sigchld = uint8(syscall.SIGCHLD)
	sigabrt = uint8(syscall.SIGABRT)
	sigalrm = uint8(syscall.SIGALRM)
	sigcont = uint8(syscall.SIGCONT)
	sigurg  = uint8(syscall.SIGURG)

	sigrtmin = 32
)

// The si_code of a signal (include/uapi/asm-generic/siginfo.h).
const (
	siUser   = 0
	siQueue  = -1
	siTimer  = -2
	siSigio  = -5
	siTkill  = -6
	siKernel = 128
)

// letters are the signals of one number to one process that were queued,
// oldest first, and the last one whether or not it has been taken.
type letters struct {
	waiting []*Entry
	last    *Entry
}

// mostWaiting bounds how many are waited for. Real-time signals of which a
// sigtimedwait(2) or a signalfd(2) takes each pile up otherwise, for no tracepoint tells that.
const mostWaiting = 4096

// generate puts a signal into its queue. One that is pending already is not
// queued twice: what comes of the first comes of both.
func (b *builder) generate(e *Entry) {
	to := e.Whom
	if to == nil {
		return
	}
	b.announced(e)
	e.whose()
	if e.Signal == sigabrt && e.Way == ByItself {
		to.abort = e
	}
	if to.End != 0 || to.killer != nil && e.Result == Ignored {
		e.Has, e.Flags = e.Has|HasTarget, e.Flags|FlagDying|to.isInit()
	}
	if e.Signal == sigcont && to.stopped {
		to.stopped, e.Repeats = false, resumed
	}
	if !e.Known(HasResult) || e.Result != Queued && e.Result != LoseInfo {
		return
	}
	to.letters(e.Signal).post(e)
	if e.Signal == sigkill && to.killer == nil {
		to.killer = e
	}
}

// isInit is FlagInit of a process that is one.
func (p *Process) isInit() Flags {
	if p.Own == 1 {
		return FlagInit
	}
	return 0
}

func (p *Process) letters(signal uint8) *letters {
	l := p.queues[signal]
	if l == nil {
		l = &letters{}
		if p.queues == nil {
			p.queues = map[uint8]*letters{}
		}
		p.queues[signal] = l
	}
	return l
}

// post puts a signal behind the others. The kernel keeps one of a number that
// is not a real-time signal's in a queue (legacy_queue of kernel/signal.c): if
// there was another, somebody has taken it unseen.
func (l *letters) post(e *Entry) {
	if e.Signal < sigrtmin {
		l.waiting = slices.DeleteFunc(l.waiting, e.sameQueue)
	}
	if len(l.waiting) == mostWaiting {
		l.waiting = slices.Delete(l.waiting, 0, 1)
	}
	l.waiting, l.last = append(l.waiting, e), e
}

// sameQueue reports whether two signals to a process wait in the same queue:
// that of the process, or that of one thread.
func (e *Entry) sameQueue(o *Entry) bool {
	group := e.Is(FlagGroup)
	return e.Known(HasGroup) && o.Known(HasGroup) && group == o.Is(FlagGroup) && (group || e.Target.Pid == o.Target.Pid)
}

// take removes the oldest that the thread may have been given.
func (l *letters) take(tid int32) *Entry {
	for n, e := range l.waiting {
		if !e.Known(HasGroup) || e.Is(FlagGroup) || e.Target.Pid == tid {
			l.waiting = slices.Delete(l.waiting, n, n+1)
			return e
		}
	}
	return nil
}

// announcedFor is how long minirun may take from the announcement of a signal
// to sending it: 10 s.
const announcedFor = 10_000_000_000

// announced finds the mark with which minirun said that it would send this.
func (b *builder) announced(e *Entry) {
	b.marks = slices.DeleteFunc(b.marks, func(m *Entry) bool { return e.Time-m.Time > announcedFor })
	n := slices.IndexFunc(b.marks, func(m *Entry) bool {
		return m.Signal == e.Signal && m.Who == e.Who && (m.Whom == nil || m.Whom == e.Whom)
	})
	if n < 0 {
		return
	}
	e.By = b.marks[n]
	if e.By.Whom != nil {
		b.marks = slices.Delete(b.marks, n, n+1) // one that goes to all stays
	}
	e.By.Pair, e.By.Folded = nil, true
}

// deliver finds the signal that is taken. Once a group exit has begun, every
// thread gets SIGKILL whatever began it (complete_signal, zap_other_threads):
// what the process dies of is the signal that was sent.
func (b *builder) deliver(e *Entry) {
	p := e.Who
	e.Pair = p.letters(e.Signal).take(e.Task.Pid)
	if e.Pair == nil && e.Signal == sigkill {
		e.Pair = p.beginsExit()
	}
	a := signals.Delivery(e.deliveryQuestion())
	e.Outcome, e.Reason = a.Action, a.Reason
	switch {
	case e.Outcome == signals.Handled:
		p.handled |= signals.SetOf(int(e.Signal))
	case e.Outcome == signals.Stop:
		p.stopped = true
	case dies(e.Outcome) && (p.killer == nil || e.Signal != sigkill):
		p.killer = e.Pair
	}
	if e.Pair != nil {
		e.Pair.Pair = e
	}
}

// beginsExit is the signal that made the kernel hand out SIGKILL: the one
// that is known to, or the last fatal one that nobody has taken; nil for exit_group(2).
func (p *Process) beginsExit() *Entry {
	if p.killer != nil {
		return p.killer
	}
	for sig := uint8(1); sig <= signals.Last; sig++ {
		l := p.queues[sig]
		if l == nil || len(l.waiting) == 0 || !fatal(sig) {
			continue
		}
		if last := l.waiting[len(l.waiting)-1]; p.killer == nil || last.N > p.killer.N {
			p.killer = last
		}
	}
	return p.killer
}

// fatal reports whether the default action of a signal ends a process.
func fatal(sig uint8) bool {
	return dies(signals.Delivery(signals.Question{Signal: int(sig)}).Action)
}
