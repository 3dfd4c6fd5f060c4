package observe

// settled reports whether what follows can no longer change what is said of an
// entry. Whoever asks waits only so long: then the entry is told as it is known,
// and what comes of it later has a line of its own.
func (e *Entry) settled() bool {
	switch e.Kind {
	case Generate:
		return e.fateKnown()
	case Deliver:
		return e.Who == nil || !dies(e.Outcome) || e.Who.End != 0
	case Exit:
		return e.Who == nil || !e.Is(FlagGroupDead) || e.Who.endKnown()
	case Ended:
		return e.Who == nil || e.Who.Known
	case Exec:
		return e.Who == nil || e.Task.Name() != "exe" // it will be called by its own name: see renamed
	case Mark:
		return e.Signal == 0 || e.Folded // the signal that it announces has been sent
	}
	return true
}

// fateKnown: a signal that was queued is taken, or its receiver ends.
func (e *Entry) fateKnown() bool {
	switch {
	case e.Whom == nil || !e.Known(HasResult):
		return true
	case e.Result != Queued && e.Result != LoseInfo:
		return true
	case e.Whom.End != 0:
		return true
	}
	return e.Pair != nil && !dies(e.Pair.Outcome)
}

// endKnown reports whether a process's status is known, and which of its
// children had been reaped before, which the kernel may tell late.
func (p *Process) endKnown() bool {
	if !p.Known {
		return false
	}
	for _, c := range p.children {
		if c.End != 0 && c.End <= p.End && c.Gone == 0 {
			return false
		}
	}
	return true
}
