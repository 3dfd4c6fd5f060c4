package observe

import (
	"bytes"
	"strings"
	"testing"
)

// The observer follows the init by a pidfd, and so does the source proc: both
// tell of its end and of its reaping, and each is one line.
func TestAReapingIsToldOnce(t *testing.T) {
	sh := Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1, Comm: Comm("sh")}
	event := func(at int64, kind Kind, has Has) Event {
		return Event{Time: at, Kind: kind, Origin: Proc, Task: sh, Has: has, Status: 7 << 8}
	}
	for name, c := range map[string]struct {
		events []Event
		want   []string
	}{
		"a zombie first": {
			[]Event{event(5, Ended, HasStatus), event(6, Ended, HasStatus), event(20, Reap, HasStatus), event(21, Reap, HasStatus)},
			[]string{"ends with 7", "is reaped"},
		},
		"reaped as it ends": {
			[]Event{event(5, Ended, HasStatus), event(5, Reap, HasStatus), event(6, Ended, HasStatus), event(7, Reap, HasStatus)},
			[]string{"ends with 7"},
		},
		"the status by the other": {
			[]Event{event(5, Ended, 0), event(20, Reap, 0), event(21, Reap, HasStatus)},
			[]string{"ends with a code that is not known", "is reaped", "ends with 7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			l := NewLive(About{Init: 100, Origin: Proc}, &out, Text)
			for _, e := range c.events {
				l.Add(e)
				if err := l.Advance(e.Time + patience); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Finish(); err != nil {
				t.Fatal(err)
			}
			lines, _, _ := strings.Cut(out.String(), "\nPID 1")
			n := 0
			for _, want := range c.want {
				n += strings.Count(lines, want)
			}
			if n != len(c.want) || strings.Count(lines, " ms  ") != len(c.want) {
				t.Errorf("want one each of %q:\n%s", c.want, lines)
			}
		})
	}
}

// What the kernel tells of one thing more than once is one line.
func TestWhatGoesWithoutSayingIsLeftOut(t *testing.T) {
	init, child := Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1, Comm: Comm("sh")}, Task{Pid: 101, Tgid: 101, Inside: 2, Own: 2, Comm: Comm("ls")}
	joins := func(at int64, p Task, path string) Event { return Event{Time: at, Kind: Attach, Task: p, Text: path} }
	zap := func(at int64, to Task) Event {
		return Event{Time: at, Kind: Generate, Task: init, Target: to, Signal: sigkill, Code: siKernel, Result: Ignored, Has: HasResult | HasCode}
	}
	line := Build(About{Init: 100, Origin: BPF}, []Event{
		joins(1, child, "/web"), joins(2, child, "/web"), joins(3, init, "/web"), joins(4, child, "/web"), joins(5, child, "/other"), joins(6, child, "/web"),
		{Time: 10, Kind: Exit, Task: init, Has: HasGroupDead | HasStatus, Flags: FlagGroupDead},
		zap(20, init), zap(30, child),
	})
	var out bytes.Buffer
	if err := line.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(plainLines(out.String()), "\n")
	for text, n := range map[string]int{"2 ls joins cgroup /web\n": 2, "1 sh joins": 1, "joins cgroup /other": 1, "KILL→ 1 sh": 0, "KILL→ 2 ls": 1} {
		if got := strings.Count(lines, text); got != n {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, n, &out)
		}
	}
	if len(line.Phases) != 1 || line.Phases[0].To != 30 {
		t.Errorf("the others are killed at 30: %+v", line.Phases)
	}
}

// Whoever runs is interrupted by anybody's timer.
func TestATimerOfSomebodyElseIsNoneOfTheContainers(t *testing.T) {
	in, out := Task{Tgid: 100, Inside: 1}, Task{Tgid: 50}
	for _, c := range []struct {
		from, to Task
		signal   uint8
		code     int32
		want     bool
	}{
		{in, out, 14, siTimer, true}, {in, out, 40, siTimer, true}, {in, out, 14, siKernel, true},
		{in, in, 14, siTimer, false}, {out, in, 14, siKernel, false}, {in, out, 14, siUser, false}, {in, out, 1, siKernel, false}, {in, out, 17, 1, false},
	} {
		e := Event{Kind: Generate, Task: c.from, Target: c.to, Signal: c.signal, Code: c.code}
		if e.Stray() != c.want {
			t.Errorf("%+v", c)
		}
	}
}
