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
	sigcont = uint8(syscall.SIGCONT)
	sigurg  = uint8(syscall.SIGURG)
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

// A queue is where signals of one number to one process wait.
type queue struct {
	process int32
	signal  uint8
}

// letters are the entries of signals that were queued, oldest first, and the
// last one whether or not it has been taken.
type letters struct {
	waiting []int32
	last    int32
}

// generate puts a signal into its queue. One that is pending already is not
// queued twice: what comes of the first comes of both.
func (b *builder) generate(i int32) {
	e := &b.Entries[i]
	if e.Whom == None {
		return
	}
	b.announced(e)
	b.whose(e)
	to := &b.Processes[e.Whom]
	if e.Signal == sigabrt && e.Way == ByItself {
		to.abort = i
	}
	if to.End != 0 || to.killer != None && e.Result == Ignored {
		e.Has, e.Flags = e.Has|HasTarget, e.Flags|FlagDying|b.isInit(to)
	}
	if e.Signal == sigcont && to.stopped {
		to.stopped, e.Repeats = false, resumed
	}
	if !e.Known(HasResult) || e.Result != Queued && e.Result != LoseInfo {
		return
	}
	b.letters(e.Whom, e.Signal).post(i)
	if e.Signal == sigkill && to.killer == None {
		to.killer = i
	}
}

// isInit is FlagInit of a process that is one.
func (b *builder) isInit(p *Process) Flags {
	if p.Own == 1 {
		return FlagInit
	}
	return 0
}

func (b *builder) letters(process int32, signal uint8) *letters {
	k := queue{process, signal}
	l := b.queues[k]
	if l == nil {
		l = &letters{last: None}
		b.queues[k] = l
	}
	return l
}

func (l *letters) post(i int32) { l.waiting, l.last = append(l.waiting, i), i }

// take removes the oldest that the thread may have been given.
func (l *letters) take(b *builder, tid int32) int32 {
	for n, i := range l.waiting {
		e := &b.Entries[i]
		if !e.Known(HasGroup) || e.Is(FlagGroup) || e.Target.Pid == tid {
			if n == 0 {
				l.waiting = l.waiting[1:]
			} else {
				l.waiting = slices.Delete(l.waiting, n, n+1)
			}
			return i
		}
	}
	return None
}

// announced finds the mark with which minirun said that it would send this.
func (b *builder) announced(e *Entry) {
	n := slices.IndexFunc(b.marks, func(m int32) bool {
		mark := &b.Entries[m]
		return mark.Signal == e.Signal && mark.Who == e.Who && (mark.Whom == None || mark.Whom == e.Whom)
	})
	if n < 0 {
		return
	}
	e.By = b.marks[n]
	if b.Entries[e.By].Whom != None {
		b.marks = slices.Delete(b.marks, n, n+1) // one that goes to all stays
	}
	b.Entries[e.By].Pair, b.Entries[e.By].Folded = None, true
}

// deliver finds the signal that is taken. Once a group exit has begun, every
// thread gets SIGKILL whatever began it (complete_signal, zap_other_threads):
// what the process dies of is the signal that was sent.
func (b *builder) deliver(i int32) {
	e := &b.Entries[i]
	p := &b.Processes[e.Who]
	e.Pair = b.letters(e.Who, e.Signal).take(b, e.Task.Pid)
	if e.Pair == None && e.Signal == sigkill {
		e.Pair = b.beginsExit(e.Who)
	}
	q := b.deliveryQuestion(e)
	a := signals.Delivery(q)
	e.Outcome, e.Reason = a.Action, a.Reason
	switch {
	case e.Outcome == signals.Handled:
		p.handled[e.Signal] = true
	case e.Outcome == signals.Stop:
		p.stopped = true
	case (e.Outcome == signals.Fatal || e.Outcome == signals.FatalCore) && (p.killer == None || e.Signal != sigkill):
		p.killer = e.Pair
	}
	if e.Pair != None {
		g := &b.Entries[e.Pair]
		g.Pair = i
	}
}

// beginsExit is the signal that made the kernel hand out SIGKILL: the one
// that is known to, or the last fatal one that nobody has taken; None for exit_group(2).
func (b *builder) beginsExit(process int32) int32 {
	p := &b.Processes[process]
	if p.killer != None {
		return p.killer
	}
	found := int32(None)
	for sig := uint8(1); sig <= signals.Last; sig++ {
		l, ok := b.queues[queue{process, sig}]
		if !ok || len(l.waiting) == 0 || !fatal(sig) {
			continue
		}
		if last := l.waiting[len(l.waiting)-1]; last > found {
			found = last
		}
	}
	p.killer = found
	return found
}

// fatal reports whether the default action of a signal ends a process.
func fatal(sig uint8) bool {
	switch signals.Delivery(signals.Question{Signal: int(sig)}).Action {
	case signals.Fatal, signals.FatalCore:
		return true
	}
	return false
}
