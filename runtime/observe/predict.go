package observe

import "minirun/runtime/signals"

// Prediction is the Generate of a signal that is about to be sent to a process
// and that the source will not see: who is asked is the rule of
// runtime/signals. Time and tasks are left to the caller.
func Prediction(to signals.Task, q signals.Question) Event {
	e := Event{
		Kind: Generate, Evidence: Predicted, Origin: Proc, Signal: uint8(q.Signal), Result: uint8(signals.Verdict(q).Result),
		Flags: FlagGroup, Has: HasResult | HasCode | HasGroup | HasMasks | HasActions | HasTarget,
		Blocked: to.Blocked, Caught: to.Caught, Ignored: to.Ignored,
	}
	for _, th := range to.Threads {
		e.RealBlocked |= th.Awaits
	}
	for _, c := range circumstances {
		if *c.of(&q) {
			e.Flags |= c.flag
		}
	}
	return e
}

// A circumstance is a part of a question that a flag of a prediction stands
// for, and the flag's word in the JSON if a prediction alone has it.
type circumstance struct {
	flag Flags
	of   func(*signals.Question) *bool
	key  string
}

var circumstances = [...]circumstance{
	{FlagInit, func(q *signals.Question) *bool { return &q.Init }, ""},
	{FlagDying, func(q *signals.Question) *bool { return &q.Dying }, ""},
	{FlagTraced, func(q *signals.Question) *bool { return &q.Traced }, ""},
	{FlagAwaited, func(q *signals.Question) *bool { return &q.Waiting }, "awaited"},
	{FlagSignalfd, func(q *signals.Question) *bool { return &q.Signalfd }, "signalfd"},
	{FlagOpenThread, func(q *signals.Question) *bool { return &q.OpenThread }, "openThread"},
	{FlagDumping, func(q *signals.Question) *bool { return &q.Dumping }, "dumping"},
	{FlagStopped, func(q *signals.Question) *bool { return &q.Stopped }, "stopped"},
	{FlagOrphaned, func(q *signals.Question) *bool { return &q.Orphaned }, "orphaned"},
}

// predicted is the question that a prediction answers.
func (e *Entry) predicted() signals.Question {
	q := signals.Question{Signal: int(e.Signal), How: how(e), Inside: e.insideOf(), Blocked: e.Blocked.Has(int(e.Signal)), Disposition: e.arranged()}
	for _, c := range circumstances {
		*c.of(&q) = e.Is(c.flag)
	}
	return q
}
