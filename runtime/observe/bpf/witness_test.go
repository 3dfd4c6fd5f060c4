package bpf

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// life is a random script of n acts, for a shell as PID 1; 500 come to 1,000
// and more forks, signals and exits.
// Children fork in their turn, and end by themselves, by a signal, or with the namespace.
func life(r *rand.Rand, n int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	s := &strings.Builder{}
	s.WriteString("exec 3<&0 2>/dev/null; trap : USR1\n")
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

// The witness is the kernel's own text of the same tracepoints: a tracefs
// instance, whose buffers, filters and words have nothing to do with eBPF. What
// a thread did is compared in the order in which it did it.
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
	needRoot(t)
	w := newWitness(t)
	init, events := observed(t, "/bin/sh", "-c", life(rand.New(rand.NewPCG(uint64(seed), 0)), 500))
	want := w.testimony(t, init)
	got := make(map[int32][]string)
	count := 0
	for i := range events {
		if text := w.words(&events[i]); text != "" {
			got[events[i].Task.Pid] = append(got[events[i].Task.Pid], text)
			count++
		}
	}
	t.Logf("%d events of %d threads", count, len(got))
	if count < 1000 {
		t.Errorf("only %d events", count)
	}
	for pid := range want {
		if !slices.Equal(got[pid], want[pid]) {
			t.Errorf("thread %d\n eBPF    %q\n witness %q", pid, got[pid], want[pid])
		}
	}
	for pid := range got {
		if want[pid] == nil {
			t.Errorf("thread %d, of which the witness knows nothing: %q", pid, got[pid])
		}
	}
	legal(t, events)
}

// words is what the tracepoint prints of an event, as far as both know it.
func (w *witness) words(e *observe.Event) string {
	switch e.Kind {
	case observe.Fork:
		return fmt.Sprintf("sched_process_fork %d", e.Target.Pid)
	case observe.Exec:
		return "sched_process_exec " + e.Text
	case observe.Exit:
		if !w.groupDead {
			return "sched_process_exit "
		}
		return fmt.Sprintf("sched_process_exit %v", e.Is(observe.FlagGroupDead))
	case observe.Generate:
		group := map[bool]int{true: 1}[e.Is(observe.FlagGroup)]
		return fmt.Sprintf("signal_generate %d %d %d %d %d", e.Target.Pid, e.Signal, e.Code, group, e.Result)
	case observe.Deliver:
		return fmt.Sprintf("signal_deliver %d %d %x", e.Signal, e.Code, e.Handler)
	}
	return ""
}

// A witness is a tracefs instance.
type witness struct {
	dir       string
	groupDead bool // the exit has group_dead, which it has since 6.14
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	const tracefs = "/sys/kernel/tracing"
	if _, err := os.Stat(tracefs + "/instances"); err != nil {
		if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			t.Fatal(err)
		}
	}
	w := &witness{dir: fmt.Sprintf("%s/instances/minirun-test-%d", tracefs, os.Getpid())}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.write(t, "tracing_on", "0")
		if err := unix.Rmdir(w.dir); err != nil {
			t.Error(err)
		}
	})
	w.write(t, "tracing_on", "0")
	w.write(t, "buffer_size_kb", "8192")
	w.write(t, "trace_clock", "mono")
	for _, p := range []string{"sched_process_fork", "sched_process_exec", "sched_process_exit", "sched_process_free", "signal_generate", "signal_deliver"} {
		group, _, _ := strings.Cut(p, "_")
		w.write(t, filepath.Join("events", group, p, "enable"), "1")
	}
	format, err := os.ReadFile(filepath.Join(w.dir, "events/sched/sched_process_exit/format"))
	if err != nil {
		t.Fatal(err)
	}
	w.groupDead = strings.Contains(string(format), "group_dead")
	w.write(t, "tracing_on", "1")
	return w
}

func (w *witness) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

var (
	traceLine = regexp.MustCompile(`^.{16}-(\d+) +\[\d+\] \S+ +(\d+\.\d+): (\w+): (.*)$`)
	traceWord = regexp.MustCompile(` ?(\w+)=(\S*)`)
)

// testimony is what was done by members of the container and to them, by
// thread, as words has it. Members are those that init's forks
// lead to; a number means what it meant last.
func (w *witness) testimony(t *testing.T, init int32) map[int32][]string {
	t.Helper()
	w.write(t, "tracing_on", "0")
	f, err := os.Open(filepath.Join(w.dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	said := make(map[int32][]string)
	members := make(map[int32]bool)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil {
			if line := lines.Text(); !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
				t.Fatalf("%q", line)
			}
			continue
		}
		fields := make(map[string]string)
		for _, f := range traceWord.FindAllStringSubmatch(m[4], -1) {
			fields[f[1]] = f[2]
		}
		actor := number(t, m[1])
		text, other := m[3], actor
		switch m[3] {
		case "sched_process_fork":
			other = number(t, fields["child_pid"])
			members[other] = members[actor] || other == init
			text += " " + fields["child_pid"]
		case "sched_process_exec":
			text += " " + fields["filename"]
		case "sched_process_exit":
			text += " " + fields["group_dead"]
		case "sched_process_free":
			delete(members, number(t, fields["pid"]))
			continue
		case "signal_generate":
			other = number(t, fields["pid"])
			text += fmt.Sprintf(" %s %s %s %s %s", fields["pid"], fields["sig"], fields["code"], fields["grp"], fields["res"])
		case "signal_deliver":
			text += fmt.Sprintf(" %s %s %s", fields["sig"], fields["code"], fields["sa_handler"])
		}
		if members[actor] || members[other] {
			said[actor] = append(said[actor], text)
		}
	}
	return said
}

func number(t *testing.T, text string) int32 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

// legal checks that the events of each process are in a legal order: fork <
// exec < exit < free, nothing by it after its exit, and every one of them freed.
func legal(t *testing.T, events []observe.Event) {
	t.Helper()
	type process struct{ forked, exited, freed bool }
	all := make(map[int32]*process)
	for i := range events {
		e := &events[i]
		p := all[e.Task.Tgid]
		switch {
		case e.Kind == observe.Fork && !e.Thread():
			if all[e.Target.Tgid] != nil {
				t.Errorf("%d is forked twice", e.Target.Tgid)
			}
			all[e.Target.Tgid] = &process{forked: true}
		case e.Task.Inside == 0:
		case p == nil || p.exited && e.Kind == observe.Exec || p.freed:
			t.Errorf("%v by %d at %v: not in order", e.Kind, e.Task.Tgid, time.Duration(e.Time-events[0].Time))
		case e.Kind == observe.Exit && e.Is(observe.FlagGroupDead):
			p.exited = true
		case e.Kind == observe.Free:
			if p.freed = true; !p.exited {
				t.Errorf("%d is freed without an exit", e.Task.Tgid)
			}
		}
	}
	for pid, p := range all {
		if !p.exited || !p.freed {
			t.Errorf("%d: %+v", pid, *p)
		}
	}
	t.Logf("%d processes", len(all))
}
