package cgroups

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Create makes the group in every hierarchy, with the parents that it lacks.
// A directory that is there already is taken over if it is empty and thawed:
// two containers in one group would be killed, frozen and limited as one. When
// it fails, what it made is gone again.
//
// It depends on nothing but the paths, so it can run in a goroutine beside the
// rest of a container's preparation.
func (g *Group) Create() error {
	for _, d := range g.dirs {
		if err := g.create(d); err != nil {
			return then(err, g.Undo())
		}
	}
	return nil
}

// Undo removes the directories that Create made, and no others: the way back
// for a container that did not come to life. Delete is for one that did.
func (g *Group) Undo() error {
	if g.unit != nil {
		return g.Delete()
	}
	var first error
	for len(g.made) > 0 {
		last := g.made[len(g.made)-1]
		if err := rmdir(last); err != nil && first == nil {
			first = failed("remove", last, err)
		}
		g.made = g.made[:len(g.made)-1]
	}
	return first
}

func (g *Group) create(d dir) error {
	before := len(g.made)
	if err := g.mkdir(d.path, d.root); err != nil {
		return err
	}
	isNew := len(g.made) > before
	switch {
	case d.unified() && g.pure():
		enableControllers(d.root, d.path)
	case d.path == g.v1("cpuset"):
		if err := inheritCpuset(d.root, d.path, isNew); err != nil {
			return err
		}
	}
	// A new group right below the root is empty, and the root never freezes.
	if isNew && path.Dir(d.path) == d.root {
		return nil
	}
	if !isNew {
		if err := mustBeEmpty(d.path); err != nil {
			return err
		}
	}
	return g.mustBeThawed(d)
}

// mkdir is mkdir -p that stays below root and remembers what it made.
func (g *Group) mkdir(dir, root string) error {
	for {
		switch err := unix.Mkdir(dir, 0o755); err {
		case nil:
			g.made = append(g.made, dir)
			return nil
		case unix.EEXIST:
			return nil
		case unix.EINTR:
		case unix.ENOENT:
			parent := path.Dir(dir)
			if len(parent) <= len(root) {
				return failed("create", dir, err)
			}
			if err := g.mkdir(parent, root); err != nil {
				return err
			}
		default:
			return failed("create", dir, err)
		}
	}
}

func mustBeEmpty(dir string) error {
	pids, err := procs(dir)
	if err != nil && !gone(err) {
		return failed("read members of", dir, err)
	}
	if len(pids) > 0 {
		return fmt.Errorf("cgroup: %s is in use by %s: %w", dir, processes(pids), unix.EBUSY)
	}
	return nil
}

// mustBeThawed refuses a group in which a process would stop dead on joining,
// be it the group itself or one above it that is frozen.
func (g *Group) mustBeThawed(d dir) error {
	frozen := false
	switch {
	case d.unified():
		events, _ := readFile(d.path, "cgroup.events")
		frozen = valueOf(events, "frozen") == 1
	case d.path == g.v1("freezer"):
		state, _ := readFile(d.path, "freezer.state")
		frozen = strings.HasPrefix(state, "FR") // FROZEN, FREEZING
	}
	if frozen {
		return fmt.Errorf("cgroup: %s is frozen, and a container in it would never start: %w", d.path, unix.EBUSY)
	}
	return nil
}

// inheritCpuset gives an empty cpuset the CPUs and memory nodes of its parent,
// from the first ancestor that has some downwards. Until then the kernel
// refuses members with ENOSPC (cpuset_can_attach_check, kernel/cgroup/cpuset.c).
func inheritCpuset(root, dir string, isNew bool) error {
	for _, file := range [...]string{"cpuset.cpus", "cpuset.mems"} {
		if _, err := inheritCpusetFile(root, dir, file, isNew); err != nil {
			return failed("set "+file+" of", dir, err)
		}
	}
	return nil
}

func inheritCpusetFile(root, dir, file string, isNew bool) (string, error) {
	if !isNew {
		value, err := readFile(dir, file)
		if value = strings.TrimSpace(value); err != nil || value != "" || dir == root {
			return value, err
		}
	}
	value, err := inheritCpusetFile(root, path.Dir(dir), file, false)
	if err != nil || value == "" {
		return value, err
	}
	return value, writeFile(dir, file, value)
}

// enableControllers makes the controllers of the root available in dir, which
// every group between the two has to agree to (cgroup.subtree_control). A
// group that has processes of its own cannot (EBUSY), and one may be delegated
// without them (ENOENT). Neither is an error unless a limit needs one of them,
// and then the write of that limit fails and names it.
func enableControllers(root, dir string) {
	all, err := readFile(root, "cgroup.controllers")
	if have, herr := readFile(dir, "cgroup.controllers"); err != nil || all == "\n" || herr == nil && have == all {
		return
	}
	names := strings.Fields(all)
	for i := len(root); i >= 0 && i < len(dir); {
		parent := dir[:i]
		if writeFile(parent, "cgroup.subtree_control", "+"+strings.Join(names, " +")) != nil {
			for _, name := range names {
				_ = writeFile(parent, "cgroup.subtree_control", "+"+name) // all or nothing failed: take what there is
			}
		}
		next := strings.IndexByte(dir[i+1:], '/')
		if next < 0 {
			return
		}
		i += 1 + next
	}
}
