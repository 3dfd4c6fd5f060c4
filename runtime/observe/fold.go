package observe

import "minirun/runtime/signals"

// fold leaves out of the picture what another line says already, and joins
// lines that differ in their time alone.
func (b *builder) fold(e *Entry) {
	e.Repeats = 0
	switch e.Kind {
	case Generate:
		e.Folded = e.Whom == nil || e.noise(b.First)
	case Deliver:
		e.Folded = e.told()
	case Exit:
		if !e.Folded && e.Who != nil {
			e.Pair, e.Who.untold = e.Who.killer, !e.Who.Known
		}
	case Attach:
		e.Folded = e.again()
	case Populated:
		e.Folded = b.open != nil && same(b.open, e)
	case Exec:
		e.Folded = e.Who == nil
	case Ended, Reap:
		e.Folded = e.Folded || e.twice()
		e.tell()
	case Mark:
		b.headed(e)
	}
	if e.Folded {
		return
	}
	switch open := b.open; {
	case open == nil:
	case e.Kind == Generate && same(open, e):
		open.Repeats++
		e.Folded = true
		return
	case e.Kind == Census && open.Kind == Census && open.N+open.Repeats+1 == e.N:
		open.Repeats++
		open.counted = append(open.counted, e)
		e.Folded = true
		return
	}
	b.open = e
}

// headed folds what minirun says at the beginning of a section into its heading.
func (b *builder) headed(e *Entry) {
	head := b.open
	if head != nil && head.Kind == Rung && head.Pair == nil && head.Who == e.Who && e.Time-head.Time < patience {
		head.Pair, e.Folded = e, true
	}
}

// tell notes whether it is this entry that tells how a process has ended: the
// first sign of it, or the first that knows the status.
func (e *Entry) tell() {
	p := e.Who
	if e.Folded || p == nil {
		return
	}
	e.tells = e.Kind == Ended && p.pidfd && p.End == e.Time || p.untold && p.Known
	if e.tells {
		p.untold = !p.Known
	}
}

// twice reports whether an end or a reaping was told already: by another pidfd,
// or with the exit itself where the source has no other sign of that. What was
// told without the status is told again by who knows it.
func (e *Entry) twice() bool {
	p := e.Who
	if p == nil {
		return false
	}
	told := &p.ended
	if e.Kind == Reap {
		told = &p.reaped
	}
	again := *told && !(p.untold && p.Known)
	*told = true
	return again || e.Kind == Reap && p.pidfd && e.Time == p.End
}

// same reports whether two entries would make the same line.
func same(a, b *Entry) bool {
	return a.Kind == b.Kind && a.Who == b.Who && a.Whom == b.Whom && a.Signal == b.Signal &&
		a.Result == b.Result && a.Outcome == b.Outcome && a.Way == b.Way && a.Reason == b.Reason
}

// again reports whether a process has joined the group of that path last: on
// version 1 it does so in each hierarchy.
func (e *Entry) again() bool {
	p := e.Who
	if p == nil {
		return false
	}
	was := p.group
	p.group = e.Text
	return was == e.Text
}

// noise is what goes without saying: that a parent hears of a child's end, the
// signal with which Go's scheduler interrupts its own threads, and that with which
// the end of an init finds its own, which have ended (zap_pid_ns_processes).
func (e *Entry) noise(first *Process) bool {
	switch {
	case (e.Signal == sigurg || e.Way == ByZap) && e.Who == e.Whom:
		return true
	case e.Way != ByChild:
		return false
	}
	return e.Who == nil || e.Who != first || e.Who.End == 0
}

// told reports whether the line of the signal, or of the exit that follows,
// says already what came of it.
func (e *Entry) told() bool {
	if e.Pair == nil {
		return e.Outcome != signals.Handled && e.Outcome != signals.Dropped
	}
	from := e.Pair
	if from.Way == ByChild || from.Folded || dies(e.Outcome) {
		return true
	}
	return from.Outcome == e.Outcome && e.Time-from.Time < soon
}

// soon is how long after a signal its effect is a part of the same line: 5 ms.
const soon = 5_000_000
