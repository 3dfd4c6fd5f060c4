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
	for _, c := range circumstances(&q) {
		if *c.is {
			e.Flags |= c.flag
		}
	}
	return e
}

// A circumstance is a part of a question that a flag of a prediction stands for.
type circumstance struct {
	flag Flags
	is   *bool
}

func circumstances(q *signals.Question) [9]circumstance {
	return [...]circumstance{
		{FlagInit, &q.Init}, {FlagDying, &q.Dying}, {FlagTraced, &q.Traced}, {FlagAwaited, &q.Waiting}, {FlagSignalfd, &q.Signalfd},
		{FlagOpenThread, &q.OpenThread}, {FlagDumping, &q.Dumping}, {FlagStopped, &q.Stopped}, {FlagOrphaned, &q.Orphaned},
	}
}

// predicted is the question that a prediction answers.
func (e *Entry) predicted() signals.Question {
	q := signals.Question{Signal: int(e.Signal), How: how(e), Inside: e.insideOf(), Blocked: e.Blocked.Has(int(e.Signal)), Disposition: e.arranged()}
	for _, c := range circumstances(&q) {
		*c.is = e.Is(c.flag)
	}
	return q
}

// predictedFlags are the flags that a prediction alone has, with their words in the JSON.
func predictedFlags() [6]struct {
	key  string
	flag Flags
} {
	return [...]struct {
		key  string
		flag Flags
	}{
		{"awaited", FlagAwaited}, {"signalfd", FlagSignalfd}, {"openThread", FlagOpenThread},
		{"dumping", FlagDumping}, {"stopped", FlagStopped}, {"orphaned", FlagOrphaned},
	}
}
