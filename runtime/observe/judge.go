package observe

import (
	"strings"

	"minirun/runtime/signals"
)

// judge says what came of a signal, now that it is known what followed.
func (b *builder) judge(e *Entry) {
	if e.Whom != nil && e.Whom.oom && e.Signal == sigkill && e.Way == ByKernel {
		e.Way = ByOOM
	}
	switch {
	case e.Kind == Deliver && e.Who != nil:
		b.judgeDelivery(e)
	case e.Kind != Generate || e.Whom == nil:
	case !e.Known(HasResult):
		e.Reason = "whether it was queued is not known to this source"
	case e.Result == Ignored:
		b.judgeIgnored(e)
	case e.Result == AlreadyPending:
		e.Outcome, e.Reason = signals.Pending, "pending: one "+signals.Name(int(e.Signal))+" waits already, and the kernel keeps no second"
	case e.Result == OverflowFail:
		e.Outcome, e.Reason = signals.Dropped, "refused: the queue of signals is full (RLIMIT_SIGPENDING), and the sender was told"
	default:
		b.judgeQueued(e)
	}
}

// judgeDelivery corrects what the rule expected by what happened: nobody dies
// of a signal and lives on. It happens where the source did not know that
// the process is an init of a nested namespace.
func (b *builder) judgeDelivery(e *Entry) {
	p := e.Who
	if dies(e.Outcome) && !e.Known(HasTarget) && p.Alive() && !p.stopped {
		q := e.deliveryQuestion()
		q.Init = true
		a := signals.Delivery(q)
		e.Outcome, e.Reason = a.Action, a.Reason
	}
}

// dies reports whether an action is the end of a process.
func dies(a signals.Action) bool { return a == signals.Fatal || a == signals.FatalCore }

// judgeIgnored explains res=1. That of SIGCONT is no proof that it did
// nothing: prepare_signal wakes a stopped process before the signal is dropped.
func (b *builder) judgeIgnored(e *Entry) {
	a := b.verdict(e, e.question())
	e.Outcome, e.Reason = signals.Ignored, a.reason
	if e.Signal == sigcont && e.Repeats == resumed {
		e.Repeats, e.Reason = 0, "resumed: SIGCONT wakes a stopped process even if it is then ignored"
	}
}

// resumed marks a SIGCONT to a process that was stopped, until it is judged.
const resumed = -1

// judgeQueued explains a signal that was queued by what took it from the queue.
func (b *builder) judgeQueued(e *Entry) {
	p := e.Whom
	switch a := b.verdict(e, e.question()); {
	case e.Pair != nil && e.Pair.Signal == e.Signal:
		e.Outcome = e.Pair.Outcome
		e.Reason, _, _ = strings.Cut(e.Pair.Reason, "; if that resets it") // whether it does is seen
		b.reraised(e, p)
		if p.killer != e && dies(e.Outcome) {
			e.Reason += "; it was ending already"
		}
	case p.killer == e || e.Pair != nil:
		e.Outcome, e.Reason = b.ends(e)
	case e.Evidence == Predicted, a.action == signals.Consumable:
		e.Outcome, e.Reason = a.action, a.reason
	case a.action == signals.Pending:
		e.Outcome = a.action
		e.Reason, _, _ = strings.Cut(a.reason, "; ") // what it would do when unblocked has not come
		e.Reason += ", and takes it by a signalfd if at all"
	case e.Known(HasMasks):
		e.Outcome, e.Reason = signals.Pending, "pending: it is not blocked, but its receiver has not run since"
	default:
		e.Outcome, e.Reason = signals.Pending, "pending: it is blocked or its receiver has not run since, unless sigtimedwait or a signalfd has taken it"
	}
}

// ends is the reason of the signal that a process dies of, whatever its
// threads were told.
func (b *builder) ends(e *Entry) (signals.Action, string) {
	q := e.question()
	q.Disposition = signals.Default
	a := signals.Delivery(q)
	if !dies(a.Action) {
		a.Action = signals.Fatal
		a.Reason = "fatal: " + signals.Name(int(e.Signal)) + " has ended it"
	}
	return a.Action, a.Reason
}

// reraised recognises the idiom that ends every process but a PID 1: the
// handler cleans up, resets the signal to its default and raises it again.
func (b *builder) reraised(e *Entry, p *Process) {
	if e.Way == ByItself && e.Outcome == signals.Dropped && p.Own == 1 && p.handled.Has(int(e.Signal)) {
		name := signals.Name(int(e.Signal))
		e.Reason = "dropped: its handler has reset " + name + " and raised it again, which ends no PID 1; from now on " + name + " does nothing"
	}
}
