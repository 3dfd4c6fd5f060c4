package runtime

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// corpseOf looks at a zombie; nil when it is none any more, or the kernel has
// no /proc/PID/sched (until Linux 6.14 that takes CONFIG_SCHED_DEBUG).
func corpseOf(pid int) *corpse {
	before, err := statOf(procPath(pid))
	sched, schedErr := readFileAt(unix.AT_FDCWD, procPath(pid)+"/sched")
	group, groupErr := cpuTime(pid)
	after, afterErr := statOf(procPath(pid))
	if errors.Join(err, schedErr, groupErr, afterErr) != nil || !sameZombie(before, after) {
		return nil
	}
	c, err := corpseFrom(after, string(sched), group)
	if err != nil {
		return nil
	}
	return &c
}

// cpuTime is what all threads of a process, those that have ended too, were on
// a CPU, to the nanosecond: what clock_getcpuclockid(3) names.
func cpuTime(pid int) (time.Duration, error) {
	const cpuclockSched = 2 // include/linux/posix-timers_types.h
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &ts)
	return time.Duration(ts.Nano()), err
}

// date finds out for how long zombies have not been waited for (Unreaped), by
// as many changes of affinity as there are CPUs on which they ended. Those stay
// undated whose CPU is off-line, outside of our cpuset, or so busy with
// real-time processes that nothing else runs there, and those whose turn comes
// after such a one has used up the time.
func date(zombies []*Blocker) {
	byCPU := make(map[int][]*Blocker)
	for _, b := range zombies {
		if b.corpse != nil {
			byCPU[b.corpse.cpu] = append(byCPU[b.corpse.cpu], b)
		}
	}
	if len(byCPU) == 0 {
		return
	}
	w, err := newClockWalker()
	if err != nil {
		return
	}
	defer w.end()
	for cpu, list := range byCPU {
		clock, err := w.clock(cpu)
		if err != nil {
			continue
		}
		for _, b := range list {
			b.Unreaped = b.corpse.since(clock)
		}
	}
}
