package runtime

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// escalateAfter is when an init that has got SIGKILL gets help. The kernel
// alone needs some milliseconds, and more where a namespace is full.
const escalateAfter = 200 * time.Millisecond

// endInit kills the init and waits until its last thread is done, which for
// the init of a PID namespace is when nobody is left in it. If that takes long,
// a child may be frozen in a cgroup below the container's, which keeps the
// init in zap_pid_ns_processes; killing the group thaws those too.
func endInit(p *initProc, deadline time.Time) error {
	if err := p.signal(unix.SIGKILL); err != nil {
		return goneIsFine(err)
	}
	if err := thaw(p.r); err != nil {
		return err
	}
	ended, err := pollUntil(readable(p.pidfd), earlier(deadline, time.Now().Add(escalateAfter)))
	if err != nil {
		return err
	}
	if !ended {
		cause := killGroup(p.r)
		if ended, err = pollUntil(readable(p.pidfd), deadline); err != nil {
			return err
		}
		if !ended {
			return errors.Join(fmt.Errorf("init %d has not ended %v after SIGKILL, %s", p.r.Pid, deletePatience, whoBlocks(p.r)), cause)
		}
	}
	p.seen.Ended = true
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// endGroup kills what is in the cgroup when the init is over: the children
// of an init without a PID namespace of its own, the process of a create that
// was killed before it could record it, or one that was moved in from outside.
func endGroup(r *Record, deadline time.Time) error {
	left, err := members(r)
	if err != nil || len(left) == 0 {
		return err
	}
	err = killGroup(r)
	if err == nil {
		err = cgroups.Restore(r.Cgroups).WaitEmpty(deadline)
	}
	if err != nil {
		return fmt.Errorf("%w, %s", err, whoBlocks(r))
	}
	return nil
}

func deleteGroup(r *Record) error {
	if len(r.Cgroups) == 0 {
		return nil
	}
	return cgroups.Restore(r.Cgroups).Of(r.Unit).Delete()
}
