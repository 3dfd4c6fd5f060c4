package runtime

import (
	"strings"
	"testing"
	"time"

	"minirun/runtime/signals"
)

func TestFilterPs(t *testing.T) {
	const text = "UID   PID  PPID CMD\nroot    1     0 init\nroot   12     1 a PID 7\nroot  112     1 b\n\n"
	got, err := FilterPs(text, []int{12, 7})
	if want := "UID   PID  PPID CMD\nroot   12     1 a PID 7\n"; err != nil || string(got) != want {
		t.Errorf("%v: %q", err, got)
	}
	if _, err := FilterPs("COMMAND\nx\n", []int{1}); err == nil {
		t.Error("a table without pids is accepted")
	}
}

func TestPidsJSON(t *testing.T) {
	if got := string(PidsJSON([]int{3, 70})); got != "[3,70]\n" {
		t.Error(got)
	}
	if got := string(PidsJSON(nil)); got != "null\n" {
		t.Error(got)
	}
}

func TestTreeAndZombies(t *testing.T) {
	all := []PsProcess{
		{Pid: 10, Inside: 1, Parent: Process{Pid: 1}, State: 'S', Threads: 1, Wchan: "-", Signals: "default", Command: "init"},
		{Pid: 11, Inside: 7, Parent: Process{Pid: 99}, State: 'R', Threads: 2, Wchan: "-", Signals: "handles TERM", Command: "exec"},
		{Pid: 12, Inside: 2, Parent: Process{Pid: 10}, State: 'S', Threads: 1, Wchan: "do_wait", Signals: "default", Command: "sh"},
		{Pid: 13, Inside: 3, Parent: Process{Pid: 12, Name: "sh"}, State: 'Z', Threads: 1, Wchan: "-", Signals: "-", Command: "[true]",
			Age: 61900 * time.Millisecond, Blocker: Blocker{State: 'Z', Parent: Process{12, "sh"}}},
		{Pid: 14, Inside: 4, Parent: Process{Pid: 12, Name: "sh"}, State: 'Z', Threads: 1, Wchan: "-", Signals: "-", Command: "[false]",
			Age: 61900 * time.Millisecond, Blocker: Blocker{State: 'Z', Parent: Process{12, "sh"}, Unreaped: Elapsed{3 * time.Second, Exactly}}},
	}
	got := string(PsWide(all, true))
	want := strings.TrimPrefix(`
PID  HOST  PARENT  STATE  THREADS  WCHAN    SIGNALS       COMMAND
1    10    1       S      1        -        default       init
2    12    10      S      1        do_wait  default         sh
3    13    12      Z      1        -        -                 [true] <not waited for by its parent 12 (sh), for at most 1m2s>
4    14    12      Z      1        -        -                 [false] <not waited for by its parent 12 (sh), for 3s>
7    11    99      R      2        -        handles TERM  exec
`, "\n")
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestSignalSummary(t *testing.T) {
	for _, tt := range []struct {
		s    signals.Status
		want string
	}{
		{signals.Status{}, "default"},
		{signals.Status{Caught: signals.SetOf(15, 2), Ignored: signals.SetOf(1)}, "handles INT TERM, ignores HUP"},
		{signals.Status{Blocked: signals.SetOf(17), Shared: signals.SetOf(10), Pending: signals.SetOf(12)}, "blocks CHLD, pending USR1 USR2"},
		{signals.Status{Caught: ^signals.Set(0)}, "handles 64 signals"},
	} {
		if got := signalSummary(tt.s); got != tt.want {
			t.Errorf("%q, not %q", got, tt.want)
		}
	}
}
