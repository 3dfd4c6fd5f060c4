package cgroups

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// killWait is how long Kill without cgroup.kill goes on while processes of the
// group fork new ones or do not die.
const killWait = 2 * time.Second

// Kill sends SIGKILL to every process in the group and in the groups below,
// and thaws it, for a frozen process of version 1 does not die. It does not
// wait for the deaths: see WaitEmpty. A group that does not exist has nobody
// to kill.
func (g *Group) Kill() error {
	if dir := g.unified(); dir != "" {
		if err := writeFile(dir, "cgroup.kill", "1"); err != nil && !gone(err) {
			return failed("kill", dir, err)
		}
		return g.thawAll()
	}
	dir := g.census()
	if err := g.killEach(dir, time.Now().Add(killWait)); err != nil {
		return stillThere("kill", dir, err)
	}
	return nil
}

// killEach kills the members one by one, frozen so that they do not fork
// meanwhile, and looks again until nobody is left. It has to wait for the
// deaths to know.
func (g *Group) killEach(dir string, deadline time.Time) error {
	for {
		_ = g.Freeze() // a group that does not freeze takes more rounds
		members, err := pidfds(dir)
		for _, fd := range members {
			if e := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); e != nil && e != unix.ESRCH && err == nil {
				err = e
			}
		}
		if e := g.thawAll(); err == nil {
			err = e
		}
		for _, fd := range members {
			if err == nil {
				err = poll(fd, unix.POLLIN, deadline)
			}
			unix.Close(fd)
		}
		if err != nil || len(members) == 0 {
			return err
		}
	}
}

// pidfds opens the members of a group. A pid may be given to another process
// between the reading of the list and the opening; so the list is read again,
// and who is in both was a member when it was opened.
func pidfds(dir string) ([]int, error) {
	before, err := procs(dir)
	if err != nil || len(before) == 0 {
		if gone(err) {
			err = nil
		}
		return nil, err
	}
	fds := make(map[int]int, len(before))
	for _, pid := range before {
		fd, e := unix.PidfdOpen(pid, 0)
		switch e {
		case nil:
			fds[pid] = fd
		case unix.ESRCH:
		default:
			err = fmt.Errorf("pidfd_open %d: %w", pid, e)
		}
	}
	after, e := procs(dir)
	if e != nil && !gone(e) {
		err = e
	}
	var members []int
	for pid, fd := range fds {
		if slices.Contains(after, pid) {
			members = append(members, fd)
		} else {
			unix.Close(fd)
		}
	}
	return members, err
}

// thawAll thaws the version 1 freezer, down to groups that the container
// froze below its own.
func (g *Group) thawAll() error {
	dir := g.v1("freezer")
	if dir == "" {
		return nil
	}
	err := walk(dir, func(group int) error { return writeAt(group, "freezer.state", "THAWED") })
	if err != nil && !gone(err) {
		return failed("thaw", dir, err)
	}
	return nil
}
