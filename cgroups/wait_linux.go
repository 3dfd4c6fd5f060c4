package cgroups

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// WaitEmpty returns when no live process is left in the group and in the
// groups below; zombies are not in the way. At the deadline it gives up with
// unix.ETIMEDOUT and the processes that remain.
func (g *Group) WaitEmpty(deadline time.Time) error {
	dir := g.census()
	if dir == "" {
		return nil
	}
	if err := waitEmpty(dir, dir == g.unified(), deadline); err != nil {
		return stillThere("wait for", dir, err)
	}
	return nil
}

// waitEmpty waits for one member after another by its pidfd. That is faster
// than cgroup.events, whose notifications come 10 ms apart at the soonest
// (CGROUP_FILE_NOTIFY_MIN_INTV), but cannot see members whose PID namespace
// hides them; where there are such and nothing else, cgroup.events it is.
func waitEmpty(dir string, unified bool, deadline time.Time) error {
	for {
		pids, err := procs(dir)
		if gone(err) || err == nil && len(pids) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		waited := false
		for _, pid := range pids {
			done, err := waitPid(pid, deadline)
			if err != nil {
				return err
			}
			waited = waited || done
		}
		switch {
		case waited:
		case unified:
			return waitEvent(dir, "populated", 0, deadline)
		case !time.Now().Before(deadline):
			return unix.ETIMEDOUT
		default: // version 1 and nobody visible: no event tells
			pause(true)
		}
	}
}

// waitPid waits for a process to die. It returns false at once if the process
// cannot be seen.
func waitPid(pid int, deadline time.Time) (bool, error) {
	if pid == 0 {
		return false, nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return true, poll(fd, unix.POLLIN, deadline)
}

// waitEvent waits until cgroup.events of dir has key at want. A group that has
// gone is empty and thawed.
func waitEvent(dir, key string, want uint64, deadline time.Time) error {
	fd, err := open(dir+"/cgroup.events", unix.O_RDONLY)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var buf [128]byte
	for {
		// The read arms the poll: POLLPRI is for changes after it (kernfs_generic_poll).
		n, err := unix.Pread(fd, buf[:], 0)
		if gone(err) || err == nil && valueOf(string(buf[:n]), key) == want {
			return nil
		}
		if err == nil {
			err = poll(fd, unix.POLLPRI, deadline)
		}
		if err != nil && err != unix.EINTR {
			return err
		}
	}
}

// poll waits for an event of fd, or until the deadline.
func poll(fd int, events int16, deadline time.Time) error {
	for {
		left := max(time.Until(deadline), 0)
		ts := unix.NsecToTimespec(left.Nanoseconds())
		n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: events}}, &ts, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n > 0:
			return nil
		case left == 0:
			return unix.ETIMEDOUT
		}
	}
}

// stillThere adds to err who is in the way.
func stillThere(verb, dir string, err error) error {
	pids, _ := procs(dir)
	if len(pids) > 0 && (errors.Is(err, unix.ETIMEDOUT) || errors.Is(err, unix.EBUSY)) {
		return fmt.Errorf("cgroup: %s %s: %w (%s still in it)", verb, dir, err, processes(pids))
	}
	return failed(verb, dir, err)
}
