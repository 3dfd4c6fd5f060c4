package observe

import "minirun/runtime/signals"

// asked is a question with the kernel's result, and answer what is made of it.
type asked struct {
	signals.Question
	result uint8
}

type answer struct {
	action signals.Action
	reason string
}

// question is a Generate in the terms of the rule. The receiver's disposition
// is left open: few sources tell it.
func (e *Entry) question() signals.Question {
	if e.Evidence == Predicted {
		return e.predicted()
	}
	to := e.Whom
	q := signals.Question{
		Signal: int(e.Signal), How: how(e), Inside: e.insideOf(),
		Init: to.Own == 1 || e.Is(FlagInit), Dying: e.Is(FlagDying), Traced: e.Is(FlagTraced),
	}
	if e.Known(HasMasks) {
		sig := int(e.Signal)
		q.Blocked = e.Blocked.Has(sig)
		q.Waiting = e.RealBlocked.Has(sig) && !q.Blocked
		q.Blocked = q.Blocked || q.Waiting
	}
	q.Disposition = e.arranged()
	return q
}

// arranged is the receiver's disposition, as far as it is told.
func (e *Entry) arranged() signals.Disposition {
	switch sig := int(e.Signal); {
	case e.Known(HasHandler):
		return disposition(e)
	case e.Known(HasActions) && e.Ignored.Has(sig):
		return signals.Ignore
	case e.Known(HasActions) && e.Caught.Has(sig):
		return signals.Catch
	}
	return signals.Default
}

// insideOf reports whether the sender has a pid in the receiver's own PID
// namespace: it stands at least as deep.
func (e *Entry) insideOf() bool {
	if e.Who == nil {
		return false
	}
	from, to := e.Who, e.Whom
	return e.Who == e.Whom || from.Inside > 0 && from.Depth >= to.Depth
}

// how tells the way from si_code. A fault is its own task's, and directed at the thread.
func how(e *Entry) signals.How {
	switch {
	case e.Way == ByFault:
		return signals.Fault
	case e.Code == siKernel:
		return signals.Kernel
	case e.Code == siQueue:
		return signals.Sigqueue
	case e.Code == siTimer:
		return signals.Timer
	case e.Way == ByTimer:
		return signals.IO
	}
	return signals.Kill
}

// synchronous are the signals that an instruction can raise: ILL, TRAP, BUS, FPE, SEGV, SYS.
const synchronous signals.Set = 1<<3 | 1<<4 | 1<<6 | 1<<7 | 1<<10 | 1<<30

// whose finds out who is behind a signal.
func (e *Entry) whose() {
	self := e.Who == e.Whom && e.Who != nil
	dead := e.Who != nil && e.Who.End != 0
	switch {
	case e.By != nil:
		e.Way = ByMinirun
	case e.Signal == sigkill && e.Code == siKernel && dead:
		e.Way = ByZap
	case e.Signal == sigkill && e.Code == siUser && e.Known(HasGroup) && !e.Is(FlagGroup):
		e.Way = ByCgroupKill // __cgroup_kill is the one that sends SIGKILL to a thread without SI_TKILL
	case e.Signal == sigchld && e.Code > 0 && e.Code <= 6:
		e.Way = ByChild
	case self && synchronous.Has(int(e.Signal)) && e.Code > 0 && !(e.Known(HasGroup) && e.Is(FlagGroup)):
		e.Way = ByFault
	case e.Code == siKernel:
		e.Way = ByKernel
	case e.Code == siTimer, e.Code == siSigio, e.Code > 0:
		e.Way = ByTimer
	case dead:
		e.Way = ByDeath
	case self:
		e.Way = ByItself
	case e.Who != nil && e.Task.Name() == "minirun":
		e.Way = ByMinirun
	}
}

// deliveryQuestion asks what comes of a signal that has been taken.
func (e *Entry) deliveryQuestion() signals.Question {
	p := e.Who
	q := signals.Question{Signal: int(e.Signal), Init: p.Own == 1 || e.Is(FlagInit), Disposition: disposition(e)}
	if e.Pair != nil {
		from := e.Pair
		q.How, q.Inside = how(from), from.insideOf()
	}
	return q
}

// disposition reads sa_handler: SIG_DFL, SIG_IGN or a function.
func disposition(e *Entry) signals.Disposition {
	if !e.Known(HasHandler) {
		return signals.Default
	}
	return signals.Disposition(min(e.Handler, 2))
}

// verdict is the rule's answer that agrees with the kernel's result. Where the
// disposition is not known, it is the plainest one that explains the result.
func (b *builder) verdict(e *Entry, q signals.Question) answer {
	k := asked{q, e.Result}
	a, ok := b.reasons[k]
	if !ok {
		a = agree(q, int(min(e.Result, Ignored)))
		b.reasons[k] = a
	}
	return a
}

// agree explains what a source could not see by the plainest thing that it can
// be: a disposition, or, of a sender that nobody could look at before it was
// gone, that it had a pid inside.
func agree(q signals.Question, result int) answer {
	if a, ok := agrees(q, result); ok {
		return a
	}
	if !q.Inside {
		q.Inside = true
		if a, ok := agrees(q, result); ok {
			a.reason += "; so its sender was inside"
			return a
		}
	}
	if result == Ignored {
		return answer{signals.Ignored, "ignored: the rule would have queued it; the target may have begun to die"}
	}
	return answer{signals.None, "queued: the rule would have ignored it"}
}

func agrees(q signals.Question, result int) (answer, bool) {
	for _, d := range [...]signals.Disposition{q.Disposition, signals.Default, signals.Ignore, signals.Catch} {
		q.Disposition = d
		if v := signals.Verdict(q); v.Result == result {
			return answer{v.Action, v.Reason}, true
		}
	}
	return answer{}, false
}
