package lab

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var made int

// boxes numbers the containers of this process.
func boxes() int { made++; return made }

// clean removes all that the experiment has made.
func (b *Bench) clean() error {
	var errs []error
	for _, x := range b.boxes {
		if err := x.clean(); err != nil {
			errs = append(errs, fmt.Errorf("clean up container %s: %w", x.id, err))
		}
	}
	reapAll()
	if len(errs) == 0 {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}

// clean ends and deletes the container.
func (x *box) clean() error {
	var errs []error
	for _, undo := range x.undo {
		errs = append(errs, undo())
	}
	if x.pidfd >= 0 {
		errs = append(errs, x.end())
	}
	c, err := x.runtime.do(nil, nil, "delete", "--force", x.id)
	if err == nil && x.pid != 0 {
		err = c.must("delete")
	}
	errs = append(errs, err)
	for _, after := range x.after {
		errs = append(errs, after())
	}
	for _, f := range []*os.File{x.stdin, x.notes.from} {
		if f != nil {
			f.Close()
		}
	}
	if x.pidfd >= 0 {
		unix.Close(x.pidfd)
	}
	return errors.Join(errs...)
}

// end kills the init and waits for it. Meanwhile it reaps whatever comes,
// because zombies that a runtime left to the lab hold the init up.
func (x *box) end() error {
	if err := unix.PidfdSendSignal(x.pidfd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("kill the init: %w", err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		reapAll()
		if ended, err := readable(x.pidfd, glance); ended || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not end", x.pid)
}

// reap waits for a child until a time. One that is not ours any more is reaped.
func reap(pid int, end time.Time) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ready, err := readable(fd, time.Until(end))
	if err == nil && !ready {
		err = fmt.Errorf("process %d does not end", pid)
	}
	if err != nil {
		return err
	}
	if _, err = unix.Wait4(pid, nil, 0, nil); err == unix.ECHILD {
		return nil
	}
	return err
}
