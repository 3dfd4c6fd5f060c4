package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// A FullError says that the container's cgroup has no room for one more task.
type FullError struct{ Pids cgroups.PidsStat }

func (e *FullError) Error() string { return "the container's cgroup is full: " + e.Pids.String() }

// Unwrap is EAGAIN, which fork(2) says in this place.
func (e *FullError) Unwrap() error { return unix.EAGAIN }

// A DyingError says that the container's init has begun to exit, or has:
// nothing can be started in its PID namespace any more (fork(2): ENOMEM).
type DyingError struct{ Blockers string }

func (e *DyingError) Error() string {
	text := "the container's init is dead or dying"
	if e.Blockers != "" {
		text += ": " + e.Blockers
	}
	return text
}

// full is the check that the kernel does not make: on version 1 a process that
// is moved into a group is charged, but not refused (pids_can_attach,
// kernel/cgroup/pids.c), so that runc's exec passes any pids.max. On version 2
// the clone itself is charged, and refused with EAGAIN. Here it is refused on
// both. Two execs at the same moment can still pass together on version 1.
func full(s cgroups.PidsStat) bool { return s.Max != cgroups.NoLimit && s.Current >= s.Max }

// dying tells by the step that failed that the init has begun to exit: it has
// no namespaces left to join (ESRCH), or its PID namespace takes no new
// process (ENOMEM).
func dying(e *StepError) bool {
	return e.Forks && e.Errno == unix.ENOMEM || strings.HasPrefix(e.Why, "setns: ") && e.Errno == unix.ESRCH
}

// A worded error has runc's words for a step, and the step behind them.
type worded struct {
	text string
	step error
}

func (e *worded) Error() string { return "unable to start container process: " + e.text }
func (e *worded) Unwrap() error { return e.step }

// execWords says what a step that failed means to the user.
func execWords(err error, cwd string) error {
	var step *StepError
	switch {
	case !errors.As(err, &step):
		return err
	case step.Message != "":
		return &worded{step.Message, err}
	case strings.HasPrefix(step.Why, "chdir: "):
		return &worded{fmt.Sprintf("chdir to cwd (%q) set in config.json failed: %v", cwd, step.Errno), err}
	}
	return &worded{err.Error(), err}
}

// neverExecuted says whether a process has not executed anything since its
// fork: PF_FORKNOEXEC in field 9 of /proc/PID/stat, which is readable of a
// zombie too.
func neverExecuted(stat string) bool {
	const forkNoExec, field = 0x40, 9 // include/linux/sched.h
	rest := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(rest) <= field-3 {
		return false
	}
	flags, err := strconv.ParseUint(rest[field-3], 10, 32)
	return err == nil && flags&forkNoExec != 0
}
