package runtime

import (
	"errors"
	"fmt"

	"minirun/cgroups"

	"golang.org/x/sys/unix"
)

// A fork that the kernel refuses says EAGAIN for a limit of tasks, whichever
// it is, and ENOMEM when the init of the PID namespace is dead (fork(2),
// pid_namespaces(7)). Neither errno tells its reader that.

// explainFork adds to a refused fork which limit it was.
func explainFork(err error, g *cgroups.Group) error {
	var step *StepError
	if errors.As(err, &step) && !step.Forks {
		return err
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%w: %s", err, limitReached(g))
	case step != nil && errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: the init of the PID namespace may be dead", err)
	}
	return err
}

// limitReached names pids.max when the group is at it, and otherwise the
// limits that have no count to show.
func limitReached(g *cgroups.Group) string {
	stat, err := g.PidsStat()
	if err == nil && stat.Max != cgroups.NoLimit && stat.Current >= stat.Max {
		return stat.String()
	}
	return "not pids.max of the container, but kernel.pid_max, kernel.threads-max or RLIMIT_NPROC is reached"
}
