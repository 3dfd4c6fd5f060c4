package runtime

import (
	"strconv"
	"strings"
	"time"
)

// A corpse is what /proc keeps of the death of a zombie. The kernel does not
// write down when a process ended; but every scheduling class writes down when
// it last ran, as it is taken off its run queue for ever, and nothing does
// after that: se.exec_start of /proc/PID/sched (update_se, before Linux 6.17
// update_curr and its like, in kernel/sched/fair.c, rt.c, deadline.c).
//
// It has been a zombie a little longer: since exit_notify, from where on it
// needs less than a millisecond of its CPU (kernel/exit.c), but may have had
// to wait for that.
type corpse struct {
	cpu   int           // where it ran last: by that run queue's clock
	ended time.Duration // its first thread ended
	alone bool          // no other thread has ever run in the process, which may have ended later
}

// corpseFrom reads /proc/PID/sched of a zombie. The process has used group of CPU time.
func corpseFrom(stat procStat, sched string, group time.Duration) (corpse, error) {
	t, err := parseSched(sched)
	if err != nil {
		return corpse{}, err
	}
	return corpse{cpu: stat.CPU, ended: t.ExecStart, alone: t.Runtime == group}, nil
}

// sameZombie tells of two readings of /proc/PID/stat whether what was read
// between them is of one zombie, on one CPU: it has still to run, and may move,
// when it is one already.
func sameZombie(before, after procStat) bool {
	return before.State == 'Z' && after.State == 'Z' && before.Start == after.Start && before.CPU == after.CPU
}

// A queueClock is the clock of a CPU's run queue. It counts from boot, as
// CLOCK_MONOTONIC does, but stands still while interrupts or the hypervisor
// have the CPU (update_rq_clock_task in kernel/sched/core.c; with
// CONFIG_IRQ_TIME_ACCOUNTING and CONFIG_PARAVIRT_TIME_ACCOUNTING) and while
// the machine is suspended.
type queueClock struct {
	now    time.Duration
	steady bool // since boot it has lost less than a hundredth of the time
}

// newQueueClock compares a run queue's clock with CLOCK_MONOTONIC and
// CLOCK_BOOTTIME. They need not have started at the same instant.
func newQueueClock(now, monotonic, boot time.Duration) queueClock {
	const start = time.Second
	lost, suspended := monotonic-now, boot-monotonic
	return queueClock{now, lost.Abs() <= start+monotonic/100 && suspended.Abs() <= start}
}

// since is how long ago the process ended. It is 1 to 2 ms less than what the
// tracepoint sched_process_exit tells, more where the process had to wait for
// its CPU to end, and up to a hundredth less as long as the clock has lost
// since then no larger a part than since boot. Where it loses more, the process
// ended earlier than it seems; and later, if other threads outlived the first.
func (c corpse) since(clock queueClock) Elapsed {
	age := clock.now - c.ended
	switch {
	case age < 0, c.ended == 0, !clock.steady && !c.alone:
		return Elapsed{}
	case !clock.steady:
		return Elapsed{age, AtLeast}
	case !c.alone:
		return Elapsed{age + age/100 + 10*time.Millisecond, AtMost}
	}
	return Elapsed{age, Exactly}
}

// schedTimes is what is used of /proc/PID/sched (proc_sched_show_task, kernel/sched/debug.c).
type schedTimes struct {
	ExecStart time.Duration // when it last was on a CPU, or began to be
	Runtime   time.Duration // on a CPU, all its life
}

func parseSched(text string) (schedTimes, error) {
	var t schedTimes
	var start, runtime bool
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		var ok bool
		switch strings.TrimSpace(key) {
		case "se.exec_start":
			t.ExecStart, ok = milliseconds(value)
			start = true
		case "se.sum_exec_runtime":
			t.Runtime, ok = milliseconds(value)
			runtime = true
		default:
			continue
		}
		if !ok {
			return schedTimes{}, errProcText
		}
	}
	if !start || !runtime {
		return schedTimes{}, errProcText
	}
	return t, nil
}

// milliseconds reads 35558193.466668: a whole number and six digits.
func milliseconds(text string) (time.Duration, bool) {
	whole, part, _ := strings.Cut(strings.TrimSpace(text), ".")
	if len(part) != 6 {
		return 0, false
	}
	ns, err := strconv.ParseUint(whole+part, 10, 63)
	return time.Duration(ns), err == nil
}
