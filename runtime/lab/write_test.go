package lab

import (
	"errors"
	"testing"

	"minirun/tests/golden"
)

// results are one of each outcome.
func results() []Result {
	e := &Experiment{Name: "kill-1", Question: "Why does kill 1 do nothing?", Done: "It is sent.", Answer: "PID 1 has no handler."}
	right := Row{What: "TERM from inside", Want: lives, Got: lives, Why: "ignored: PID 1 has no handler for SIGTERM"}
	return []Result{
		{Experiment: e, Rows: []Row{right, {What: "a program of its own mind", Got: exited(3)}},
			Evidence: &Evidence{Source: "tracefs", Lines: []string{"+1.000 ms  minirun ──TERM→ 1 sh  ignored: PID 1 has no handler for SIGTERM", "…"}}},
		{Experiment: e, Rows: []Row{right, {What: `"KILL" from inside`, Want: lives, Got: killedBy(9)}}},
		{Experiment: e, Skipped: "this host has no freezer"},
		{Experiment: e, Rows: []Row{right}, Err: errors.New("create: exit code 1: no\nsuch"), Kept: "/tmp/minirun-lab-1"},
	}
}

func TestResultsForPeopleAndMachines(t *testing.T) {
	var text, lines []byte
	for _, r := range results() {
		text = r.AppendText(text)
		lines = append(r.AppendJSON(lines), '\n')
	}
	golden.Check(t, "results.txt", text)
	golden.Check(t, "results.json", lines)
}
