package runtime

import (
	"errors"
	"os"
	"os/exec"
	goruntime "runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hasSched tells whether this kernel dates zombies at all.
func hasSched() bool {
	_, err := os.Stat("/proc/self/sched")
	return err == nil
}

// allowedCPUs are those on which a test may run.
func allowedCPUs(t *testing.T) []int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	var cpus []int
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// A mortal is a child and the instants between which it ended.
type mortal struct {
	name          string
	pid           int
	after, before time.Time
	bound         Bound
}

// startOn runs a program on one CPU from now on.
func startOn(t *testing.T, cpu int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedSetaffinity(cmd.Process.Pid, &one); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// However a process came to its end, and on whichever CPU: what counts is when.
// Of one that had threads it is told when the first of them ended.
func TestZombiesAreDated(t *testing.T) {
	long := []string{"sleep", "1000"}
	var all []*mortal
	var ends []func()
	add := func(name string, bound Bound, cmd *exec.Cmd, end func()) {
		d := &mortal{name: name, pid: cmd.Process.Pid, bound: bound}
		all = append(all, d)
		ends = append(ends, func() {
			d.after = time.Now()
			end()
			becomesZombie(t, d.pid)
			d.before = time.Now()
		})
	}
	for _, cpu := range allowedCPUs(t)[:min(len(allowedCPUs(t)), 4)] {
		asleep := startOn(t, cpu, long...)
		add("killed asleep", Exactly, asleep, func() { asleep.Process.Kill() })
		held := startOn(t, cpu, long...)
		held.Process.Signal(unix.SIGSTOP)
		add("killed stopped", Exactly, held, func() { held.Process.Kill() })
		busy := startOn(t, cpu, "sh", "-c", "while :; do :; done")
		add("killed busy", Exactly, busy, func() { busy.Process.Kill() })
		itself := startOn(t, cpu, "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done")
		add("exits", Exactly, itself, func() { itself.Process.Signal(unix.SIGTERM) })
		rt := startOn(t, cpu, long...)
		if err := unix.SchedSetAttr(rt.Process.Pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
			t.Error(err)
		}
		add("real-time", Exactly, rt, func() { rt.Process.Kill() })
		threads := startOn(t, cpu, os.Args[0], "-test.run=^TestSinceADeath$")
		add("with threads", AtMost, threads, func() {})
	}
	time.Sleep(500 * time.Millisecond) // all the while they are not zombies
	for _, end := range ends {
		end()
	}
	time.Sleep(time.Second) // and now they are
	blockers := make([]*Blocker, len(all))
	for i, d := range all {
		blockers[i] = &Blocker{State: 'Z', corpse: corpseOf(d.pid)}
	}
	asked := time.Now()
	date(blockers)
	answered := time.Now()
	for i, d := range all {
		got := blockers[i].Unreaped
		if !hasSched() {
			if got != (Elapsed{}) {
				t.Errorf("%s: %+v", d.name, got)
			}
			continue
		}
		// It may wait for a CPU between its end and its last moment there.
		const clocks, wait = 20 * time.Millisecond, 700 * time.Millisecond
		most, least := answered.Sub(d.after)+clocks, asked.Sub(d.before)-wait
		if got.Bound == AtMost {
			most = time.Hour // "with threads" has ended by itself
		}
		t.Logf("%s: %v, between %v and %v", d.name, got.Time, asked.Sub(d.before), answered.Sub(d.after))
		if got.Bound != d.bound || got.Time > most || got.Time < least {
			t.Errorf("%s: %+v; want it between %v and %v", d.name, got, least, most)
		}
	}
}

// A process that lives, a pid that is nobody's any more, and CPUs that are not there tell nothing.
func TestOnlyZombiesAreDated(t *testing.T) {
	live := startOn(t, allowedCPUs(t)[0], "sleep", "1000")
	if c := corpseOf(live.Process.Pid); c != nil {
		t.Errorf("of one that lives: %+v", *c)
	}
	live.Process.Kill()
	live.Wait()
	if c := corpseOf(live.Process.Pid); c != nil {
		t.Errorf("of one that has been reaped: %+v", *c)
	}
	for _, cpu := range []int{1023, 1 << 20} {
		b := Blocker{State: 'Z', corpse: &corpse{cpu: cpu, ended: 1, alone: true}}
		if date([]*Blocker{&b}); b.Unreaped != (Elapsed{}) {
			t.Errorf("on CPU %d: %+v", cpu, b.Unreaped)
		}
	}
}

// A CPU may have no time for the thread in the given time, and the next have;
// the thread comes back, and ends.
func TestTheClocksOfRunQueues(t *testing.T) {
	if !hasSched() {
		t.Log("no /proc/self/sched")
		return
	}
	w, err := newClockWalker()
	if err != nil {
		t.Fatal(err)
	}
	before, tid := w.before, w.tid
	cpus := allowedCPUs(t)
	for range 20 {
		for _, cpu := range cpus {
			w.deadline = noTime
			if _, err := w.clock(cpu); err != nil && !errors.Is(err, errStarved) {
				t.Error(err)
			}
			w.deadline = time.Now().Add(10 * time.Second)
			first, err := w.clock(cpu)
			second, err2 := w.clock(cpu)
			if err != nil || err2 != nil || first.now <= 0 || second.now <= first.now {
				t.Errorf("CPU %d: %v, then %v: %v, %v", cpu, first, second, err, err2)
			}
		}
	}
	if _, err := w.clock(1023); !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	w.home()
	var after unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &after); err != nil || after != before {
		t.Errorf("%v, not %v: %v", after, before, err)
	}
	w.end()
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("afterwards %v, not %v: %v", after, before, err)
	}
}
