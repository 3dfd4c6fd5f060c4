package observe

import (
	"bytes"
	"math/rand"
	"testing"

	"minirun/runtime/signals"
)

// What is said of a signal that nobody can see is what the rule says of it,
// whatever it asks about, and also when the lines are read again.
func TestAPredictionIsToldAsItWasMade(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	maybe := func() bool { return r.Intn(3) == 0 }
	seen := map[signals.Action]int{}
	for range 20000 {
		q := signals.Question{
			Signal: 1 + r.Intn(signals.Last), Disposition: signals.Disposition(r.Intn(3)), Blocked: maybe(),
			Init: maybe(), Dying: r.Intn(9) == 0, Dumping: r.Intn(9) == 0, Traced: maybe(), Stopped: maybe(), Orphaned: maybe(),
		}
		q.Waiting, q.Signalfd, q.OpenThread = maybe(), q.Blocked && maybe(), q.Blocked && maybe()
		e := Prediction(asArranged(q), q)
		e.Time, e.Task, e.Target = 5, Task{Pid: 50, Tgid: 50, Comm: Comm("minirun")}, Task{Pid: 100, Tgid: 100}
		about := About{Init: 99, Origin: Proc}
		if q.Init {
			about.Init = 100
		}
		want := signals.Verdict(q)
		line := Build(about, []Event{e})
		var lines bytes.Buffer
		if err := line.WriteJSON(&lines); err != nil {
			t.Fatal(err)
		}
		about, events, err := ReadJSON(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for what, line := range map[string]*Timeline{"told": line, "read": Build(about, events)} {
			got := line.Entries[0]
			outcome, reason := want.Action, want.Reason
			if got.Outcome != outcome || q.Signal != int(sigkill) && got.Reason != reason {
				t.Fatalf("%+v: %s %v (%s), want %v (%s)", q, what, got.Outcome, got.Reason, outcome, reason)
			}
		}
		seen[want.Action]++
	}
	for a := signals.Ignored; a <= signals.Dropped; a++ {
		if seen[a] == 0 {
			t.Errorf("%v was never asked for", a)
		}
	}
}

// asArranged is a process that has arranged for a signal what the question says.
func asArranged(q signals.Question) (t signals.Task) {
	one := signals.SetOf(q.Signal)
	if q.Blocked {
		t.Blocked = one
	}
	switch q.Disposition {
	case signals.Ignore:
		t.Ignored = one
	case signals.Catch:
		t.Caught = one
	}
	return t
}
