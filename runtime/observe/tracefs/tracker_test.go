package tracefs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// A stage is a tracker on a host where processes 100 (init, 1 inside) and 101
// (2 inside) are in a container, 50 is outside, and what more look is to know.
type stage struct {
	*tracker
	known map[int32]observe.Task
	now   int64
}

func task(pid, inside, own, depth, parent int32, name string) observe.Task {
	return observe.Task{Pid: pid, Tgid: pid, Inside: inside, Own: own, Depth: depth, Parent: parent, Comm: observe.Comm(name)}
}

func newStage(more ...observe.Task) *stage {
	s := &stage{known: map[int32]observe.Task{50: task(50, 0, 50, 0, 1, "engine")}}
	for _, m := range more {
		s.known[m.Pid] = m
	}
	s.tracker = newTracker(func(tid int32) (observe.Task, bool) { task, ok := s.known[tid]; return task, ok }, []string{"/sys/fs/cgroup/pids/box"})
	s.groupDead, s.renames = true, true
	s.seed(task(100, 1, 1, 0, 50, "init"))
	s.seed(task(101, 2, 2, 0, 100, "child"))
	for _, th := range s.threads {
		th.p.seeded = false
	}
	return s
}

// play feeds records and tells the events in a line each.
func (s *stage) play(list ...raw) string {
	for i := range list {
		s.now++
		list[i].at = s.now
		s.feed(&list[i])
	}
	s.settle(false)
	return s.lines()
}

func (s *stage) lines() string {
	slices.SortStableFunc(s.out, func(a, b observe.Event) int { return int(a.Time - b.Time) })
	var b strings.Builder
	for _, e := range s.out {
		fmt.Fprintf(&b, "%v %s", e.Kind, name(e.Task))
		if e.Target != (observe.Task{}) {
			fmt.Fprintf(&b, " > %s", name(e.Target))
		}
		if e.Signal != 0 {
			fmt.Fprintf(&b, " %d", e.Signal)
		}
		if e.Known(observe.HasStatus) {
			fmt.Fprintf(&b, " %#x", e.Status)
		}
		b.WriteString("\n")
	}
	s.out = nil
	return strings.TrimSpace(b.String())
}

func name(t observe.Task) string {
	if t == (observe.Task{}) {
		return "nobody"
	}
	return fmt.Sprintf("%d/%d/%d/%d", t.Pid, t.Inside, t.Own, t.Depth)
}

func made(by, pid int32, flags int64) raw {
	return raw{point: newtask, by: by, pid: pid, number: flags}
}
func back(by int32, pid int64) raw { return raw{point: forked, by: by, pid: by, number: pid} }
func sent(by, to int32, sig, res uint8) raw {
	return raw{point: generate, by: by, pid: to, signal: sig, result: res}
}
func taken(by int32, sig uint8, handler int64) raw {
	return raw{point: deliver, by: by, pid: by, signal: sig, number: handler}
}
func left(pid int32) raw { return raw{point: exit, by: pid, pid: pid, group: true} }

func TestTracker(t *testing.T) {
	nested := task(102, 3, 1, 1, 101, "inner")
	for title, c := range map[string]struct {
		known []observe.Task
		play  []raw
		want  string
	}{
		"a child's pid inside is what the fork returns": {nil,
			[]raw{made(101, 102, 0), back(101, 3)}, "fork 101/2/2/0 > 102/3/3/0"},
		"also when it executes before the fork returns": {nil,
			[]raw{made(101, 102, unix.CLONE_VFORK), {point: exec, by: 102, pid: 102, number: 102}, back(101, 3)},
			"fork 101/2/2/0 > 102/3/3/0\nexec 102/3/3/0"},
		"a thread is its process's": {nil,
			[]raw{made(101, 102, unix.CLONE_THREAD), sent(102, 100, 15, 1)}, "fork 101/2/2/0 > 102/2/2/0\ngenerate 102/2/2/0 > 100/1/1/0 15"},
		"a nested init has a pid in both": {nil,
			[]raw{made(101, 102, unix.CLONE_NEWPID), back(101, 3)}, "fork 101/2/2/0 > 102/3/1/1"},
		"and so it has after unshare": {[]observe.Task{nested},
			[]raw{{point: unshare, by: 101, pid: 101, number: unix.CLONE_NEWPID}, made(101, 102, 0), back(101, 3)}, "fork 101/2/2/0 > 102/3/1/1"},
		"a nested one's child is asked of /proc": {[]observe.Task{nested, task(103, 4, 2, 1, 102, "x")},
			[]raw{made(101, 102, unix.CLONE_NEWPID), back(101, 3), made(102, 103, 0), back(102, 2)},
			"fork 101/2/2/0 > 102/3/1/1\nfork 102/3/1/1 > 103/4/2/1"},
		"or its pid inside is not known": {nil,
			[]raw{made(101, 102, unix.CLONE_NEWPID), back(101, 3), made(102, 103, 0), back(102, 2)},
			"fork 101/2/2/0 > 102/3/1/1\nfork 102/3/1/1 > 103/-1/2/1"},
		"who joins from outside is a member": {[]observe.Task{task(102, 3, 3, 0, 50, "executed")},
			[]raw{made(50, 102, 0), left(102)}, "fork 50/0/50/0 > 102/3/3/0\nexit 102/3/3/0 > 50/0/50/0"},
		"a sender outside that has ended is still known": {nil,
			[]raw{made(50, 60, 0), made(60, 61, unix.CLONE_THREAD), left(61), sent(61, 100, 15, 1)}, "generate 61/0/-1/0 > 100/1/1/0 15"},
		"who does not is none": {[]observe.Task{task(102, 0, 102, 0, 50, "else")},
			[]raw{made(50, 102, 0), sent(102, 50, 9, 0), left(102)}, ""},
		"a signal from the host": {nil, []raw{sent(50, 100, 9, 0)}, "generate 50/0/50/0 > 100/1/1/0 9"},
		"an interrupt has no sender": {nil,
			[]raw{{point: generate, by: 101, pid: 100, signal: 14, code: 128, irq: true}}, "generate nobody > 100/1/1/0 14"},
		"nor does one send to the outside": {nil,
			[]raw{{point: generate, by: 101, pid: 50, signal: 14, code: 128}, sent(50, 51, 15, 0)}, ""},
		"an execve by another thread": {nil,
			[]raw{made(101, 102, unix.CLONE_THREAD), {point: exec, by: 101, pid: 101, number: 102}, {point: enterExitGroup, by: 101, number: 5}, left(101)},
			"fork 101/2/2/0 > 102/2/2/0\nexec 101/2/2/0\nexit 101/2/2/0 > 100/1/1/0 0x500"},
		"a zombie is reaped by its parent": {nil,
			[]raw{left(101), {point: waited, by: 100, pid: 100, number: 2}}, "exit 101/2/2/0 > 100/1/1/0\nreap 101/2/2/0 > 100/1/1/0"},
		"wait4 of one that is stopped reaps nobody": {nil, []raw{{point: waited, by: 100, pid: 100, number: 2}}, ""},
		"an orphan goes to the init": {nil,
			[]raw{made(101, 102, 0), back(101, 3), left(101), left(102), {point: waited, by: 100, pid: 100, number: 3}},
			"fork 101/2/2/0 > 102/3/3/0\nexit 101/2/2/0 > 100/1/1/0\nexit 102/3/3/0 > 100/1/1/0\nreap 102/3/3/0 > 100/1/1/0"},
		"each hierarchy tells of the same group": {nil,
			[]raw{{point: populated, by: 101, text: "/box"}, {point: populated, by: 101, text: "/box"}, {point: populated, by: 101, text: "/other"}}, "populated 101/2/2/0"},
	} {
		if got := newStage(c.known...).play(c.play...); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", title, got, c.want)
		}
	}
}

// The exit has no code; exit_group has, and the signals tell the rest.
func TestTheWaitStatusOfAnExit(t *testing.T) {
	const term, kill, segv, usr1 = 15, 9, 11, 10
	for title, c := range map[string]struct {
		play []raw
		want string
	}{
		"exit_group":             {[]raw{{point: enterExitGroup, by: 101, number: 3}}, "0x300"},
		"exit of the only one":   {[]raw{{point: enterExit, by: 101, number: 4}}, "0x400"},
		"SIGKILL":                {[]raw{sent(50, 101, kill, 0), taken(101, kill, 0)}, "0x9"},
		"SIGTERM comes as 9":     {[]raw{sent(50, 101, term, 0), taken(101, kill, 0)}, "0xf"},
		"and before a SIGKILL":   {[]raw{sent(50, 101, term, 0), sent(50, 101, kill, 1), taken(101, kill, 0)}, "0xf"},
		"a SIGTERM with handler": {[]raw{sent(50, 101, term, 0), taken(101, term, 4096), sent(50, 101, kill, 0), taken(101, kill, 0)}, "0x9"},
		"a fault":                {[]raw{sent(101, 101, segv, 0), taken(101, segv, 0)}, "0xb"},
		"exit_group and its own 9 for the others": {[]raw{{point: enterExitGroup, by: 101, number: 1},
			taken(101, kill, 0)}, "0x100"},
		"a signal that is ignored": {[]raw{sent(50, 101, usr1, 1), {point: enterExitGroup, by: 101}}, "0x0"},
		"nobody knows":             {nil, ""},
	} {
		s := newStage()
		s.play(c.play...)
		_, got, _ := strings.Cut(s.play(left(101)), "100/1/1/0")
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %s, want %s", title, got, c.want)
		}
	}
}

func TestWhoWasThereIsTakenOnce(t *testing.T) {
	s := newStage()
	s.seed(task(102, 3, 3, 0, 101, "found"))
	if got := s.play(made(101, 102, 0), left(102)); got != "fork 101/2/2/0 > 102/3/3/0\nexit 102/3/3/0 > 101/2/2/0" {
		t.Error(got)
	}
	// The pid again, of another: without the free of the first.
	if got := s.play(made(50, 102, 0), sent(50, 102, 9, 0)); got != "" {
		t.Error(got)
	}
}

func TestNothingIsHeldAtTheEnd(t *testing.T) {
	s := newStage()
	if got := s.play(made(101, 102, unix.CLONE_VFORK)); got != "" {
		t.Fatalf("told before it was known: %s", got)
	}
	s.settle(true)
	if got := s.lines(); got != "fork 101/2/2/0 > 102/-1/-1/0" {
		t.Error(got)
	}
}

// A verb's thread that has sent a signal and is gone: of which process it was.
func TestAStrangersThreadIsItsProcesss(t *testing.T) {
	s := newStage()
	s.play(made(50, 60, 0), made(60, 61, unix.CLONE_THREAD), raw{point: rename, by: 61, pid: 61, comm: observe.Comm("minirun")})
	if task, _ := s.task(61); task.Tgid != 60 || task.Name() != "minirun" {
		t.Errorf("%+v", task)
	}
	s.play(raw{point: free, by: 1, pid: 61})
	if _, kept := s.outside[61]; kept {
		t.Error("it is remembered for ever")
	}
}
