package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"minirun/tests/rig"
)

// life is a random script of n acts, for a shell as PID 1; 700 come to 1,000
// and more forks, signals and exits.
// Children fork in their turn, and end by themselves, by a signal, or with the namespace.
func life(r *rand.Rand, n int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	s := &strings.Builder{}
	s.WriteString("mkfifo /silence; exec 3<>/silence 2>/dev/null; trap : USR1\n")
	for i, children := 0, 0; i < n; i++ {
		switch x := r.IntN(10); {
		case x < 4 || children == 0:
			children++
			fmt.Fprintf(s, "(%s%s%s%s) & p%d=$!\n",
				pick("", "", "trap '' HUP; ", "trap : HUP TERM; "),
				pick("", "", "(exit 7); ", "(kill -9 $(sh -c 'echo $PPID')); "),
				pick("", "", fmt.Sprintf("exit %d; ", r.IntN(256)), "exec /bin/true; ", "kill -WINCH 1; "),
				pick("read x <&3", "exit 3"), children)
		case x < 9:
			fmt.Fprintf(s, "kill -%s $p%d\n", pick("TERM", "HUP", "USR1", "KILL", "CHLD", "40", "STOP", "CONT", "ABRT"), 1+r.IntN(children))
		default:
			s.WriteString(pick("kill -USR1 $$\n", "kill -TERM $$\n", "(exit 1)\n"))
		}
	}
	return s.String() + "exit 5\n"
}

// The timeline that a user gets is held, event for event and both ways, against
// what the kernel's own text of the same tracepoints said meanwhile.
func TestAnIndependentWitnessSawTheSame(t *testing.T) {
	seed := rand.Uint32()
	if text := os.Getenv("TEST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		seed = uint32(n)
	}
	t.Logf("TEST_SEED=%d", seed)
	script := life(rand.New(rand.NewPCG(uint64(seed), 0)), 700)
	for _, source := range []string{"bpf", "tracefs"} {
		t.Run(source, func(t *testing.T) {
			c := observeRig(t).Container(rig.Sh(script)).MustCreate()
			init := c.Pid()
			told := observed(c, nil, "--source", source)
			w := newBystander(t)
			c.MustStart()
			list := told.timeline()
			got, want := deedsOf(t, c.Rig, told.file, w.groupDead), w.testimony(t, init)
			if len(want) < 1000 {
				t.Errorf("only %d events", len(want))
			}
			if d := contradiction(got, want); d != "" {
				t.Error(d)
			}
			if last := list[len(list)-1]; last.Lost != 0 {
				t.Errorf("%d events lost", last.Lost)
			}
			legal(t, list)
			contradicted(t, got, want)
		})
	}
}

// contradicted: had the timeline left out, made up, changed or exchanged one event, it would be heard.
func contradicted(t *testing.T, got, want []deed) {
	t.Helper()
	at := rand.IntN(len(got))
	changed := got[at]
	changed.text += "0"
	for what, lie := range map[string][]deed{
		"left out": slices.Delete(slices.Clone(got), at, at+1),
		"made up":  slices.Insert(slices.Clone(got), at, got[at]),
		"changed":  slices.Replace(slices.Clone(got), at, at+1, changed),
		"moved":    append(slices.Clone(got[at:]), got[:at]...),
	} {
		if contradiction(lie, want) == "" && (at > 0 || what != "moved") {
			t.Errorf("an event %s goes unnoticed: %+v", what, got[at])
		}
	}
}

// A deed is what both know of one event.
type deed struct {
	text  string
	actor int   // the thread, or 0: an interrupt
	queue int   // whose signals it is about, or 0
	time  int64 // of CLOCK_MONOTONIC, in nanoseconds; not compared
}

// deedsOf are those of a timeline, in its order.
func deedsOf(t *testing.T, r *rig.Rig, file string, groupDead bool) (list []deed) {
	t.Helper()
	for line := range strings.Lines(r.Read(file)) {
		var e struct {
			Kind, Text, Handler          string
			Time                         int64
			Signal, Code, Result, Status int
			Group, GroupDead             bool
			Task, Target                 struct{ Pid int }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		d := deed{actor: e.Task.Pid, time: e.Time}
		switch e.Kind {
		case "fork":
			d.text = fmt.Sprintf("sched_process_fork %d", e.Target.Pid)
		case "exec":
			d.text = "sched_process_exec " + e.Text
		case "exit":
			d.text = "sched_process_exit "
			if groupDead {
				d.text += fmt.Sprint(e.GroupDead)
			}
		case "generate":
			group := map[bool]int{true: 1}[e.Group]
			d.text, d.queue = fmt.Sprintf("signal_generate %d %d %d %d %d", e.Target.Pid, e.Signal, e.Code, group, e.Result), e.Target.Pid
			if e.Code == -2 || e.Code == 128 && e.Signal == 14 { // a timer, which no thread sends
				d.actor = 0
			}
		case "deliver":
			d.text, d.queue = fmt.Sprintf("signal_deliver %d %d %s", e.Signal, e.Code, strings.TrimPrefix(e.Handler, "0x")), e.Task.Pid
		default:
			continue
		}
		list = append(list, d)
	}
	return list
}

// contradiction is the first event about which two accounts differ, or "".
// They agree on what each thread did, in its order, and on what was done about
// the signals of each process, by whomever, which its siglock puts in order.
// Events of which no lock says which was first are not compared with one another.
func contradiction(got, want []deed) string {
	first, when, others := "", int64(1<<63-1), -1
	for _, by := range []func(deed) int{func(d deed) int { return d.actor }, func(d deed) int { return d.queue }} {
		a, b := series(got, by), series(want, by)
		for pid := range b {
			if a[pid] == nil {
				a[pid] = []deed{}
			}
		}
		for pid := range a {
			text, at := parting(a[pid], b[pid])
			if text == "" {
				continue
			}
			if others++; at < when {
				first, when = fmt.Sprintf("of %d: %s", pid, text), at
			}
		}
	}
	if others > 0 {
		first += fmt.Sprintf("; they part in %d more places", others)
	}
	return first
}

func series(list []deed, by func(deed) int) map[int][]deed {
	m := map[int][]deed{}
	for _, d := range list {
		if pid := by(d); pid != 0 {
			m[pid] = append(m[pid], d)
		}
	}
	return m
}

// parting is where two series part, and when that was.
func parting(got, want []deed) (text string, at int64) {
	for i := range max(len(got), len(want)) {
		g, w := deed{text: "nothing"}, deed{text: "nothing"}
		if i < len(got) {
			g, at = got[i], got[i].time
		}
		if i < len(want) {
			w, at = want[i], want[i].time
		}
		if g.text != w.text || g.actor != w.actor {
			return fmt.Sprintf("event %d, at %d ns: the timeline has %q by %d, the witness %q by %d", i, at, g.text, g.actor, w.text, w.actor), at
		}
	}
	return "", 0
}
