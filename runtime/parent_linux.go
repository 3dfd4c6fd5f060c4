package runtime

import (
	"errors"
	"fmt"
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// bindToParent prepares a run whose container ends with this process, for
// which the kernel sees (Facts.DieWithParent), and with the one that has called
// it, which is watched here.
//
// What the kernel calls a parent is the thread that has forked, so that this
// one may not end before the process does.
func (rt *Runtime) bindToParent(o RunOptions, fg *foreground) error {
	if o.Detach {
		return errors.New("--die-with-parent: a detached container has no parent")
	}
	goruntime.LockOSThread()
	caller := unix.Getppid()
	if caller == 0 {
		rt.warn("--die-with-parent: the caller is outside of this PID namespace, where its end cannot be seen")
		return nil
	}
	pidfd, err := unix.PidfdOpen(caller, 0)
	if err == nil && unix.Getppid() != caller {
		unix.Close(pidfd)
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("--die-with-parent: pidfd_open %d: %w", caller, err)
	}
	fg.caller = pidfd
	return nil
}
