package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Join moves a process into the group, in every hierarchy.
//
// It is the dearest step here and the kernel's alone: each move waits for every
// fork, exec and exit under way on the machine (cgroup_threadgroup_rwsem).
func (g *Group) Join(pid int) error {
	// The hierarchy by which members are found and killed comes first: what the
	// process forks between one move and the next is then not overlooked.
	value, census := strconv.Itoa(pid), g.census()
	g.tellJoin(census, value)
	for _, first := range [...]bool{true, false} {
		for _, d := range g.dirs {
			if (d.path == census) != first {
				continue
			}
			err := writeFile(d.path, "cgroup.procs", value)
			if g.mayAttach(err) {
				err = g.attach(d, pid)
			}
			if err != nil {
				return d.cannotJoin(pid, err)
			}
		}
	}
	return nil
}

// tellJoin makes one thing of what is one write in each hierarchy.
func (g *Group) tellJoin(census, pid string) {
	path := census + "/cgroup.procs"
	if more := len(g.dirs) - 1; more > 0 {
		path += " and to those of " + strconv.Itoa(more) + " more hierarchies"
	}
	g.tell(path, pid)
}

func (d dir) cannotJoin(pid int, err error) error {
	what := "move process " + strconv.Itoa(pid) + " into"
	switch {
	case errors.Is(err, unix.EOPNOTSUPP) && d.unified():
		kind, _ := readFile(d.path, "cgroup.type")
		return fmt.Errorf("cgroup: %s %s, which lies in a threaded subtree (cgroup.type %q): %w", what, d.path, strings.TrimSpace(kind), err)
	case errors.Is(err, unix.EBUSY) && d.unified():
		return fmt.Errorf("cgroup: %s %s, which hands controllers down and so may not have processes (cgroup.subtree_control): %w", what, d.path, err)
	}
	return failed(what, d.path, err)
}

// OpenUnified opens the group for CLONE_INTO_CGROUP, close-on-exec, where the
// unified tree is the only one. Elsewhere it returns -1: a clone into the
// unified tree would leave the other hierarchies to Join.
func (g *Group) OpenUnified() (int, error) {
	if !g.pure() {
		return -1, nil
	}
	fd, err := open(g.unified(), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, failed("open", g.unified(), err)
	}
	return fd, nil
}

// Procs returns the processes in the group and in the groups below it, as the
// caller's PID namespace numbers them; one that it cannot see is 0. A group
// that does not exist has none.
func (g *Group) Procs() ([]int, error) {
	dir := g.census()
	pids, err := procs(dir)
	if err != nil && !gone(err) {
		return nil, failed("read members of", dir, err)
	}
	return pids, nil
}

// census is the directory whose members are those of the group: the unified
// tree sees every process, and all version 1 hierarchies see the same.
func (g *Group) census() string {
	for _, dir := range [...]string{g.unified(), g.v1("freezer"), g.v1("pids")} {
		if dir != "" {
			return dir
		}
	}
	if len(g.dirs) > 0 {
		return g.dirs[0].path
	}
	return ""
}
