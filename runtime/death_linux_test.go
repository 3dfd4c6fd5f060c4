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

// A mortal is a child, how it is ended, and the instants between which it ended.
type mortal struct {
	*exec.Cmd
	name          string
	threads       bool // it has had some
	end           func(*exec.Cmd)
	after, before time.Time
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

// mortals are some on a CPU, who will end in different ways.
func mortals(t *testing.T, cpu int) []*mortal {
	long := []string{"sleep", "1000"}
	kill := func(c *exec.Cmd) { c.Process.Kill() }
	held := startOn(t, cpu, long...)
	held.Process.Signal(unix.SIGSTOP)
	rt := startOn(t, cpu, long...)
	if err := unix.SchedSetAttr(rt.Process.Pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
		t.Error(err)
	}
	return []*mortal{
		{name: "killed asleep", Cmd: startOn(t, cpu, long...), end: kill},
		{name: "killed stopped", Cmd: held, end: kill},
		{name: "killed busy", Cmd: startOn(t, cpu, "sh", "-c", "while :; do :; done"), end: kill},
		{name: "exits", Cmd: startOn(t, cpu, "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"),
			end: func(c *exec.Cmd) { c.Process.Signal(unix.SIGTERM) }},
		{name: "real-time", Cmd: rt, end: kill},
		{name: "with threads", Cmd: startOn(t, cpu, os.Args[0], "-test.run=^TestSinceADeath$"), end: func(*exec.Cmd) {}, threads: true},
	}
}

// bound is how exactly a death can be told by a clock, which a hypervisor or
// interrupts may have taken more than a hundredth of its time from.
func (m *mortal) bound(steady bool) Bound {
	switch {
	case m.threads && steady:
		return AtMost
	case m.threads:
		return Undated
	case steady:
		return Exactly
	}
	return AtLeast
}

// steadyClocks tells of each CPU whether its clock keeps time.
func steadyClocks(t *testing.T, cpus []int) map[int]bool {
	t.Helper()
	w, err := newClockWalker()
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	w.deadline = time.Now().Add(time.Minute)
	steady := make(map[int]bool)
	for _, cpu := range cpus {
		clock, err := w.clock(cpu)
		if err != nil {
			t.Fatal(err)
		}
		steady[cpu] = clock.steady
	}
	return steady
}

// However a process came to its end, and on whichever CPU: what counts is when.
// Of one that had threads it is told when the first of them ended.
func TestZombiesAreDated(t *testing.T) {
	cpus := allowedCPUs(t)
	var all []*mortal
	for _, cpu := range cpus[:min(len(cpus), 4)] {
		all = append(all, mortals(t, cpu)...)
	}
	time.Sleep(500 * time.Millisecond) // all the while they are not zombies
	for _, d := range all {
		d.after = time.Now()
		d.end(d.Cmd)
		becomesZombie(t, d.Process.Pid)
		d.before = time.Now()
	}
	time.Sleep(time.Second) // and now they are
	blockers := make([]*Blocker, len(all))
	for i, d := range all {
		blockers[i] = &Blocker{State: 'Z', corpse: corpseOf(d.Process.Pid)}
	}
	asked := time.Now()
	date(blockers)
	answered := time.Now()
	if !hasSched() {
		for i, d := range all {
			if got := blockers[i].Unreaped; got != (Elapsed{}) {
				t.Errorf("%s: %+v", d.name, got)
			}
		}
		return
	}
	steady := steadyClocks(t, cpus)
	for i, d := range all {
		if blockers[i].corpse == nil {
			t.Errorf("%s: nothing is known of it", d.name)
			continue
		}
		d.check(t, blockers[i].Unreaped, d.bound(steady[blockers[i].corpse.cpu]), asked, answered)
	}
}

// check holds what was found between asked and answered against what was done.
func (m *mortal) check(t *testing.T, got Elapsed, bound Bound, asked, answered time.Time) {
	t.Helper()
	// It may wait for a CPU between its end and its last moment there.
	const clocks, wait = 20 * time.Millisecond, 700 * time.Millisecond
	most, least := answered.Sub(m.after)+clocks, asked.Sub(m.before)-wait
	switch bound {
	case Undated:
		least = 0
	case AtMost:
		most = time.Hour // "with threads" has ended by itself
	}
	t.Logf("%s: %s %v, between %v and %v", m.name, got.Bound, got.Time, asked.Sub(m.before), answered.Sub(m.after))
	if got.Bound != bound || got.Time > most || got.Time < least {
		t.Errorf("%s: %+v; want %s, between %v and %v", m.name, got, bound, least, most)
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
			w.deadline = time.Now().Add(soon)
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
