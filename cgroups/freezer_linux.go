package cgroups

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// freezeWait is how long a group may take to freeze. A task in an
// uninterruptible sleep does not freeze until it wakes.
const freezeWait = 2 * time.Second

var errFreezer = errors.New("the freezer controller is not mounted")

// Freeze stops every task of the group and of the groups below, and returns
// when all have stopped. If they do not within two seconds the group is thawed
// and the error is unix.ETIMEDOUT.
func (g *Group) Freeze() error {
	freeze, dir := freezeV1, g.v1("freezer")
	if dir == "" {
		freeze, dir = freezeV2, g.unified()
	}
	if dir == "" {
		return fmt.Errorf("cgroup: freeze: %w", errFreezer)
	}
	err := freeze(dir, time.Now().Add(freezeWait))
	switch {
	case gone(err):
		return failed("freeze", dir, err)
	case err != nil:
		return then(failed("freeze", dir, err), g.Thaw())
	}
	return nil
}

// Thaw lets the group run again.
func (g *Group) Thaw() error {
	dir, file, value := g.v1("freezer"), "freezer.state", "THAWED"
	if dir == "" {
		dir, file, value = g.unified(), "cgroup.freeze", "0"
	}
	if dir == "" {
		return fmt.Errorf("cgroup: thaw: %w", errFreezer)
	}
	if err := writeFile(dir, file, value); err != nil {
		return failed("thaw", dir, err)
	}
	return nil
}

// Frozen reports whether the group was frozen by its own file; one that is
// stopped because a group above it was is not. A group that does not exist is
// not frozen either.
func (g *Group) Frozen() (bool, error) {
	dir, file := g.v1("freezer"), "freezer.self_freezing"
	if dir == "" {
		dir, file = g.unified(), "cgroup.freeze"
	}
	if dir == "" {
		return false, nil
	}
	text, err := readFile(dir, file)
	if err != nil && !gone(err) {
		return false, failed("read", dir+"/"+file, err)
	}
	return strings.HasPrefix(text, "1"), nil
}

// freezeV2: the kernel announces the last task's stop in cgroup.events.
func freezeV2(dir string, deadline time.Time) error {
	if err := writeFile(dir, "cgroup.freeze", "1"); err != nil {
		return err
	}
	return waitEvent(dir, "frozen", 1, deadline)
}

// freezeV1: version 1 announces nothing. Reading freezer.state makes the
// kernel look at each task (freezer_read, kernel/cgroup/legacy_freezer.c), and
// writing FROZEN again catches tasks that were forked meanwhile. So this has
// to ask again, and is the one place here that does: at once at first, as a
// task stops within microseconds, then every millisecond. Thawing in between
// lets a vfork parent, which cannot freeze while its child is frozen, get on.
func freezeV1(dir string, deadline time.Time) error {
	const eager, restart = 20, 50
	for i := 1; ; i++ {
		if err := writeFile(dir, "freezer.state", "FROZEN"); err != nil {
			return err
		}
		state, err := readFile(dir, "freezer.state")
		switch {
		case err != nil:
			return err
		case state == "FROZEN\n":
			return nil
		case !time.Now().Before(deadline):
			return unix.ETIMEDOUT
		case i%restart == 0:
			if err := writeFile(dir, "freezer.state", "THAWED"); err != nil {
				return err
			}
		}
		pause(i > eager)
	}
}

// pause gives way to other tasks: for the moment, or for a millisecond.
func pause(long bool) {
	d := unix.Timespec{}
	if long {
		d.Nsec = int64(time.Millisecond)
	}
	_, _ = unix.Ppoll(nil, &d, nil) // may end early, which does no harm
}
