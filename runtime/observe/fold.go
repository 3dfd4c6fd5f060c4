package observe

import "minirun/runtime/signals"

// fold leaves out of the picture what another line says already, and joins
// lines that differ in their time alone.
func (b *builder) fold() {
	last := int32(None)
	for i := range b.Entries {
		e := &b.Entries[i]
		e.Repeats = 0
		switch e.Kind {
		case Generate:
			e.Folded = e.Whom == None || b.noise(e)
		case Deliver:
			e.Folded = b.told(e)
		case Exit:
			if !e.Folded && e.Who != None {
				e.Pair = b.Processes[e.Who].killer
			}
		case Populated:
			e.Folded = last != None && same(&b.Entries[last], e)
		case Exec:
			e.Folded = e.Who == None
		case Ended, Reap:
			e.Folded = e.Folded || b.twice(e)
		case Mark:
			b.headed(last, i)
		}
		if e.Folded {
			continue
		}
		if last != None && (e.Kind == Generate && same(&b.Entries[last], e) || e.Kind == Census && b.counted(last, i)) {
			b.Entries[last].Repeats++
			e.Folded = true
			continue
		}
		last = int32(i)
	}
}

// headed folds what minirun says at the beginning of a section into its heading.
func (b *builder) headed(last int32, i int) {
	if last == None {
		return
	}
	head, e := &b.Entries[last], &b.Entries[i]
	if head.Kind == Rung && head.Pair == None && head.Who == e.Who && e.Time-head.Time < soon {
		head.Pair, e.Folded = int32(i), true
	}
}

// twice reports whether an end was told already: by another pidfd, or with the
// exit itself where the source has no other sign of that.
func (b *builder) twice(e *Entry) bool {
	if e.Who == None {
		return false
	}
	p := &b.Processes[e.Who]
	if e.Kind == Reap {
		return p.pidfd && e.Time == p.End
	}
	if p.ended {
		return true
	}
	p.ended = true
	return false
}

// counted reports whether an entry belongs to the census that has begun with last.
func (b *builder) counted(last int32, i int) bool {
	first := &b.Entries[last]
	return first.Kind == Census && int(last)+int(first.Repeats)+1 == i
}

// same reports whether two entries would make the same line.
func same(a, b *Entry) bool {
	return a.Kind == b.Kind && a.Who == b.Who && a.Whom == b.Whom && a.Signal == b.Signal &&
		a.Result == b.Result && a.Outcome == b.Outcome && a.Way == b.Way && a.Reason == b.Reason &&
		(a.Kind != Populated || a.Result == b.Result)
}

// noise is what goes without saying: that a parent hears of a child's end,
// and the signal with which Go's scheduler interrupts its own threads.
func (b *builder) noise(e *Entry) bool {
	switch {
	case e.Signal == sigurg && e.Who == e.Whom:
		return true
	case e.Way != ByChild:
		return false
	}
	return e.Who == None || int(e.Who) != b.First || b.Processes[e.Who].End == 0
}

// told reports whether the line of the signal, or of the exit that follows,
// says already what came of it.
func (b *builder) told(e *Entry) bool {
	if e.Pair == None {
		return e.Outcome != signals.Handled && e.Outcome != signals.Dropped
	}
	from := &b.Entries[e.Pair]
	if from.Way == ByChild || from.Folded || dies(e.Outcome) {
		return true
	}
	return from.Outcome == e.Outcome && e.Time-from.Time < soon
}

// soon is how long after a signal its effect is a part of the same line: 5 ms.
const soon = 5_000_000
