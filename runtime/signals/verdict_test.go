package signals

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"minirun/tests/golden"

	"golang.org/x/sys/unix"
)

// everyQuestion calls f with all questions that there are about one signal
// of each kind; TestTabulation has the others.
func everyQuestion(f func(Question)) {
	const flags = 11
	for _, sig := range []int{1, 9, 11, 15, 17, 18, 19, 20, 24, 31, 32, 33, 34, 64} {
		for how := Kill; how <= Fault; how++ {
			for d := Default; d <= Catch; d++ {
				for bits := range 1 << flags {
					on := func(i int) bool { return bits>>i&1 == 1 }
					f(Question{
						Signal: sig, How: how, Disposition: d,
						Inside: on(0), Blocked: on(1), OpenThread: on(2), Waiting: on(3), Signalfd: on(4),
						Init: on(5), Traced: on(6), Dying: on(7), Stopped: on(8), Orphaned: on(9), Dumping: on(10),
					})
				}
			}
		}
	}
}

// A law is something that holds for the answer to every question.
var laws = []struct {
	name string
	ok   func(Question, Answer) bool
}{
	{"the result is 1 exactly for what is ignored", func(q Question, a Answer) bool {
		return (a.Result == 1) == (a.Action == Ignored)
	}},
	{"what is pending has a sequel, and only that", func(q Question, a Answer) bool {
		return (a.Action == Pending) == (a.AfterUnblock != None)
	}},
	{"KILL and STOP cannot be blocked, caught or taken", func(q Question, a Answer) bool {
		held := a.Action == Consumable || a.Action == Handled || a.Cause == Masked || a.Cause == SetIgnored
		return !q.is(kernelOnly) || !held
	}},
	{"KILL is never shown to a tracer", func(q Question, a Answer) bool {
		return q.Signal != 9 || !a.TracerFirst
	}},
	{"nobody inside ends or stops an untraced init", func(q Question, a Answer) bool {
		harm := a.Action == Fatal || a.Action == FatalCore || a.Action == Stop
		return !(q.Init && q.Inside && !q.Dumping && (q.How == Kill || q.How == Sigqueue) && !q.Traced && harm)
	}},
	{"no tracer ends an init either, but it can stop it", func(q Question, a Answer) bool {
		return !(q.Init && q.Inside && !q.Dumping && (q.How == Kill || q.How == Sigqueue) && (a.Action == Fatal || a.Action == FatalCore))
	}},
	{"from outside, an init dies by KILL and stops by STOP alone", func(q Question, a Answer) bool {
		harm := a.Action == Fatal || a.Action == FatalCore || a.Action == Stop
		return !(q.Init && q.How != Fault && harm) || q.is(kernelOnly)
	}},
	{"KILL from outside ends everything that is not dying", func(q Question, a Answer) bool {
		return q.Signal != 9 || q.Inside || q.Dying || q.Dumping || q.How > Kernel || a.Action == Fatal
	}},
	{"nothing reaches the dying, but KILL a core dump", func(q Question, a Answer) bool {
		return !q.Dying && !q.Dumping || a.Cause == AlreadyDying || q.Dumping && q.Signal == 9 && a.Action == Fatal
	}},
	{"a fault with the default action ends an untraced process, init or not", func(q Question, a Answer) bool {
		ordinary := q.How == Fault && Set(faulting).Has(q.Signal) && q.Disposition == Default
		alone := !q.Dying && !q.Dumping && !q.Waiting && !q.Traced && !q.Stopped
		return !ordinary || !alone || a.Action == FatalCore
	}},
	{"the reason is one line that begins with the action", func(q Question, a Answer) bool {
		return strings.HasPrefix(a.Reason, a.Action.String()+": ") && !strings.ContainsAny(a.Reason, "\n%") &&
			!strings.Contains(a.Reason, "unknown") && len(a.Reason) < 170
	}},
}

func TestVerdictKeepsTheLaws(t *testing.T) {
	broken := map[string]bool{}
	everyQuestion(func(q Question) {
		a := Verdict(q)
		for _, law := range laws {
			if !broken[law.name] && !law.ok(q, a) {
				broken[law.name] = true
				t.Errorf("%s: %+v: %+v", law.name, q, a)
			}
		}
	})
}

// severity orders what a signal can come to, for the target.
func severity(a Answer) int {
	switch {
	case a.Useless():
		return 0
	case a.Action == Pending, a.Action == Consumable, a.Action == Handled:
		return 1
	case a.Action == Stop:
		return 2
	}
	return 3
}

func TestVerdictIsMonotonous(t *testing.T) {
	broken := 0
	everyQuestion(func(q Question) {
		a := severity(Verdict(q))
		weaker := func(what string, change func(*Question)) {
			other := q
			change(&other)
			if s := severity(Verdict(other)); s > a && broken < 10 {
				broken++
				t.Errorf("%s made it worse: %+v: %s, %s", what, other, Verdict(q).Reason, Verdict(other).Reason)
			}
		}
		if !q.Dumping {
			weaker("dying", func(q *Question) { q.Dying = true })
		}
		if q.How != Fault {
			weaker("sending from inside", func(q *Question) { q.Inside = true })
			weaker("being init", func(q *Question) { q.Init = true })
			weaker("an orphaned group", func(q *Question) { q.Orphaned = true })
			if q.Disposition == Default && !q.Init {
				weaker("ignoring it", func(q *Question) { q.Disposition = Ignore })
			}
		}
	})
}

func TestVerdictDoesNotDependOnWhatItShouldNot(t *testing.T) {
	everyQuestion(func(q Question) {
		if q.How != Timer && q.How != IO && q.How != Kernel && q.How != Fault {
			return
		}
		other := q
		other.Inside = !q.Inside
		if Verdict(q) != Verdict(other) {
			t.Fatalf("a %s has no sender, yet: %+v: %+v, %+v", q.How, q, Verdict(q), Verdict(other))
		}
	})
}

// TestTabulation writes the rule down in full, signals with one fate on one
// line, so that a change of it is a change of a file that somebody reads.
func TestTabulation(t *testing.T) {
	var out bytes.Buffer
	for _, init := range []bool{true, false} {
		for how := Kill; how <= Fault; how++ {
			for d := Default; d <= Catch; d++ {
				for bits := range 1 << 5 {
					q := Question{Init: init, How: how, Disposition: d, Inside: bits&1 != 0,
						Blocked: bits&2 != 0, Waiting: bits&4 != 0, Traced: bits&8 != 0, Dying: bits&16 != 0}
					tabulate(&out, q)
				}
			}
		}
	}
	golden.Check(t, "verdict.golden", out.Bytes())
}

// tabulate writes one line for each fate that the signals have in a situation.
func tabulate(out *bytes.Buffer, q Question) {
	fates := map[string]Set{}
	var order []string
	for q.Signal = 1; q.Signal <= Last; q.Signal++ {
		a := Verdict(q)
		fate := fmt.Sprintf("res=%d %s", a.Result, a.Action)
		if a.AfterUnblock != None {
			fate += " then " + a.AfterUnblock.String()
		}
		if a.TracerFirst {
			fate += " tracer first"
		}
		if fates[fate] == 0 {
			order = append(order, fate)
		}
		fates[fate] |= SetOf(q.Signal)
	}
	fmt.Fprintln(out, situation(q))
	for _, fate := range order {
		fmt.Fprintf(out, "    %016x %s\n", fates[fate], fate)
	}
}

func situation(q Question) string {
	s := "process"
	if q.Init {
		s = "init"
	}
	s += " " + q.How.String() + " " + q.Disposition.String()
	for _, f := range []struct {
		on   bool
		word string
	}{{q.Inside, "inside"}, {q.Blocked, "blocked"}, {q.Waiting, "waiting"}, {q.Traced, "traced"}, {q.Dying, "dying"}} {
		if f.on {
			s += " " + f.word
		}
	}
	return s
}

func TestReasonIsInTheUsersWords(t *testing.T) {
	term, kill, cont := int(unix.SIGTERM), int(unix.SIGKILL), int(unix.SIGCONT)
	for _, c := range []struct {
		q    Question
		want string
	}{
		{Question{Signal: term, Init: true}, "ignored: PID 1 has no handler for SIGTERM"},
		{Question{Signal: term}, "fatal: the default action of SIGTERM is to end the process"},
		{Question{Signal: 3}, "fatal_core: the default action of SIGQUIT is to end the process with a core dump"},
		{Question{Signal: 20}, "stop: the default action of SIGTSTP is to stop the process"},
		{Question{Signal: 20, Orphaned: true}, "dropped: SIGTSTP cannot stop an orphaned process group"},
		{Question{Signal: 28}, "ignored: the default action of SIGWINCH is to do nothing"},
		{Question{Signal: term, Disposition: Ignore, Init: true}, "ignored: PID 1 ignores SIGTERM"},
		{Question{Signal: term, Disposition: Catch}, "handler: the process has a handler for SIGTERM"},
		{Question{Signal: term, Disposition: Catch, Init: true},
			"handler: PID 1 has a handler for SIGTERM; if that resets it and raises it again, nothing happens"},
		{Question{Signal: kill, Init: true, Inside: true}, "ignored: PID 1 takes SIGKILL only from outside its PID namespace"},
		{Question{Signal: kill, Init: true, How: Timer}, "ignored: no timer can send SIGKILL to PID 1"},
		{Question{Signal: kill, Init: true, How: IO}, "ignored: no file descriptor can send SIGKILL to PID 1"},
		{Question{Signal: kill, Init: true}, "fatal: SIGKILL from outside ends PID 1 and all of its PID namespace"},
		{Question{Signal: kill, Init: true, How: Kernel}, "fatal: SIGKILL from the kernel ends PID 1 and all of its PID namespace"},
		{Question{Signal: 19, Init: true}, "stop: SIGSTOP from outside stops even PID 1"},
		{Question{Signal: kill, Dying: true}, "ignored: the process is already dying"},
		{Question{Signal: cont, Init: true}, "ignored: PID 1 has no handler for SIGCONT; if stopped, PID 1 resumes"},
		{Question{Signal: term, Init: true, Blocked: true},
			"pending: PID 1 blocks SIGTERM; when unblocked it is dropped: PID 1 has no handler for SIGTERM"},
		{Question{Signal: term, Blocked: true}, "pending: the process blocks SIGTERM; when unblocked it is fatal"},
		{Question{Signal: term, Blocked: true, Disposition: Catch}, "pending: the process blocks SIGTERM; when unblocked it is handled"},
		{Question{Signal: 20, Blocked: true}, "pending: the process blocks SIGTSTP; when unblocked it is a stop"},
		{Question{Signal: term, Stopped: true}, "pending: the process is stopped, and takes SIGTERM when it is continued; then it is fatal"},
		{Question{Signal: 20, Stopped: true},
			"pending: the process is stopped; SIGCONT removes SIGTSTP from its queue"},
		{Question{Signal: term, Init: true, Waiting: true}, "consumable: PID 1 waits for SIGTERM in sigtimedwait"},
		{Question{Signal: term, Init: true, Blocked: true, Signalfd: true}, "consumable: PID 1 reads SIGTERM from a signalfd"},
		{Question{Signal: 11, Init: true, How: Fault}, "fatal_core: SIGSEGV from a fault of its own ends even PID 1"},
		{Question{Signal: 11, How: Fault}, "fatal_core: the default action of SIGSEGV is to end the process with a core dump"},
		{Question{Signal: 11, Init: true, How: Fault, Disposition: Ignore},
			"fatal_core: SIGSEGV from a fault of its own cannot be blocked or ignored, and ends PID 1"},
		{Question{Signal: term, Init: true, Traced: true}, "dropped: PID 1 has no handler for SIGTERM (the tracer sees it first)"},
	} {
		if got := Verdict(c.q).Reason; got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", situation(c.q), got, c.want)
		}
	}
}
