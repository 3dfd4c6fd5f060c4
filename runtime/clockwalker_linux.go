package runtime

import (
	"errors"
	"fmt"
	goruntime "runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

var (
	errClosed  = errors.New("closed")
	errStarved = errors.New("the CPU has no time for a thread of ours")
	errMoved   = errors.New("the CPU went off-line")
)

// A clockWalker is a thread that goes to CPUs and sleeps there: what its sched
// file then says is what the clock of the run queue said when it was woken or
// went to sleep, less than a millisecond ago in 99 of 100 readings on a busy
// machine. It is not the thread that asks, for it may not come to run at all:
// where a real-time process never leaves a CPU, nothing else does.
type clockWalker struct {
	tid      int
	bell     int // a socket: a byte wakes it, and it answers with another
	before   unix.CPUSet
	deadline time.Time
	done     chan struct{}
}

// newClockWalker starts the thread, which end has to end.
func newClockWalker() (*clockWalker, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	const patience = time.Second // for all of the CPUs
	w := &clockWalker{bell: pair[0], deadline: time.Now().Add(patience), done: make(chan struct{})}
	tid := make(chan int)
	go func() {
		goruntime.LockOSThread() // and never unlock: the thread ends with the goroutine
		tid <- unix.Gettid()
		answer(pair[1])
		close(w.done)
	}()
	w.tid = <-tid
	if err := unix.SchedGetaffinity(w.tid, &w.before); err != nil {
		w.end()
		return nil, fmt.Errorf("sched_getaffinity: %w", err)
	}
	return w, nil
}

// answer returns each byte that comes, to the end.
func answer(bell int) {
	defer unix.Close(bell)
	var b [1]byte
	for readByte(bell, &b) == nil {
		if _, err := unix.Write(bell, b[:]); err != nil {
			return
		}
	}
}

func readByte(fd int, b *[1]byte) error {
	for {
		n, err := unix.Read(fd, b[:])
		switch {
		case err == unix.EINTR:
		case err == nil && n == 0:
			return errClosed
		default:
			return err
		}
	}
}

// end goes back to where the thread came from, as it cannot end on a CPU that
// has no time for it, and waits for its end.
func (w *clockWalker) end() {
	w.home()
	unix.Close(w.bell)
	<-w.done
}

func (w *clockWalker) home() {
	if w.before.Count() > 0 {
		unix.SchedSetaffinity(w.tid, &w.before) // it fails if none of them is left, and the kernel has chosen then
	}
}

// clock reads the clock of a CPU's run queue. The error is EINVAL where the
// CPU is off-line or outside of our cpuset.
func (w *clockWalker) clock(cpu int) (queueClock, error) {
	var one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedSetaffinity(w.tid, &one); err != nil {
		return queueClock{}, fmt.Errorf("sched_setaffinity to CPU %d: %w", cpu, err)
	}
	if err := w.wake(); err != nil {
		return queueClock{}, fmt.Errorf("run on CPU %d: %w", cpu, err)
	}
	dir := "/proc/self/task/" + strconv.Itoa(w.tid)
	sched, schedErr := readFileAt(unix.AT_FDCWD, dir+"/sched")
	stat, statErr := statOf(dir)
	if err := errors.Join(schedErr, statErr); err != nil {
		return queueClock{}, fmt.Errorf("read %s: %w", dir, err)
	}
	t, err := parseSched(string(sched))
	if err != nil {
		return queueClock{}, fmt.Errorf("read %s/sched: %w", dir, err)
	}
	if stat.CPU != cpu {
		return queueClock{}, errMoved
	}
	return newQueueClock(t.ExecStart, clockTime(unix.CLOCK_MONOTONIC), sinceBoot()), nil
}

// wake has the thread run, and sleep again.
func (w *clockWalker) wake() error {
	var b [1]byte
	if _, err := unix.Write(w.bell, b[:]); err != nil {
		return err
	}
	ready, err := pollUntil(readable(w.bell), w.deadline)
	if err != nil {
		return err
	}
	if !ready {
		w.home()
	}
	if err := readByte(w.bell, &b); err != nil {
		return err
	}
	if !ready {
		return errStarved
	}
	return nil
}
