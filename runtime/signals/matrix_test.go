package signals

import (
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A cell is one measured row of testdata/pid1-matrix.csv, by column.
type cell map[string]string

func (c cell) num(column string) int {
	n, err := strconv.Atoi(c[column])
	if err != nil {
		panic(column + ": " + err.Error())
	}
	return n
}

func readMatrix(t *testing.T) []cell {
	t.Helper()
	f, err := os.Open("testdata/pid1-matrix.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var cells []cell
	for _, record := range records[1:] {
		c := cell{}
		for i, column := range records[0] {
			c[column] = record[i]
		}
		cells = append(cells, c)
	}
	return cells
}

// question is what the harness had set up in a cell.
func (c cell) question(t *testing.T) Question {
	t.Helper()
	q := Question{
		Signal: c.num("sig"), Inside: c.num("sender_has_pid_in_target_ns") == 1, Init: c["target"] == "init",
		Blocked: c.num("blocked") == 1, Waiting: c.num("real_blocked") == 1,
	}
	var ok bool
	if q.How, ok = map[string]How{"NOINFO": Kill, "IDS": Sigqueue, "PRIV": Kernel, "TIMER": Timer, "POLL": IO, "FAULT": Fault}[c["info_class"]]; !ok {
		t.Fatalf("info class %q", c["info_class"])
	}
	switch d := strings.TrimPrefix(c["disposition"], "blocked_"); d {
	case "dfl", "sigtimedwait_dfl":
	case "ign":
		q.Disposition = Ignore
	case "handler":
		q.Disposition = Catch
	case "signalfd_dfl":
		q.Signalfd = true
	case "mt_leaderblk_dfl":
		q.OpenThread = c.num("gen_grp") == 1 // a thread-directed signal is for the leader only
	default:
		t.Fatalf("disposition %q", d)
	}
	return q
}

// observed is what the kernel did in a cell, as an action.
func (c cell) observed() Action {
	outcome, _, _ := strings.Cut(c["outcome"], ":")
	switch {
	case outcome == "stopped":
		return Stop
	case outcome == "killed" && Set(dumping).Has(c.num("sig")):
		return FatalCore // the harness had RLIMIT_CORE 0
	case outcome == "killed":
		return Fatal
	case c["consumed_by_wait"] == c["sig"]:
		return Consumable
	case c.num("handler_runs") > 0:
		return Handled
	case c.num("still_pending") == 1:
		return Pending
	case c.num("deliver_events") > 0:
		return Dropped
	}
	return Ignored
}

func TestVerdictAgreesWithEveryMeasurement(t *testing.T) {
	cells := readMatrix(t)
	for i, c := range cells {
		got := Verdict(c.question(t))
		if got.Result != c.num("gen_res") {
			t.Errorf("row %d: result %d, the kernel said %d: %v", i+2, got.Result, c.num("gen_res"), c)
		}
		if got.Action != c.observed() {
			t.Errorf("row %d: %s (%s), the kernel did %s: %v", i+2, got.Action, got.Reason, c.observed(), c)
		}
		checkUnblocked(t, i+2, got, c)
	}
	if len(cells) < 4000 {
		t.Errorf("only %d cells", len(cells))
	}
}

// checkUnblocked compares what followed when the harness unblocked a pending signal.
func checkUnblocked(t *testing.T, row int, got Answer, c cell) {
	t.Helper()
	if c.num("after_unblock_deliver") == 0 {
		return
	}
	want := c["after_unblock_outcome"] == "alive"
	if alive := got.AfterUnblock == Dropped || got.AfterUnblock == Handled; got.Action != Pending || alive != want {
		t.Errorf("row %d: %s, then %s; the kernel delivered it on unblocking, then %s: %v",
			row, got.Action, got.AfterUnblock, c["after_unblock_outcome"], c)
	}
}
