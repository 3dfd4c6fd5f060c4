package nsinit

import (
	"strings"

	"minirun/bundles"

	"golang.org/x/sys/unix"
)

func (b *builder) unifiedHost() bool {
	return len(b.facts.Cgroups) == 1 && b.facts.Cgroups[0].Name == ""
}

// cgroupTree is a mount of type cgroup on a v1 or hybrid host: a tmpfs with a
// directory a hierarchy.
func (b *builder) cgroupTree(m mounting) {
	if b.bindsOwn() {
		b.awaitGroup()
	} else {
		b.join()
	}
	tree := m
	tree.Type, tree.Source = "tmpfs", "tmpfs"
	tree.opts.Data, tree.opts.SBFlags = []bundles.KV{{Key: "mode", Value: "755"}}, nil
	base := b.filesystem(tree)
	base.Name = "tree"
	for _, h := range b.facts.Cgroups {
		b.hierarchyDir(m.why+": "+h.Name, base, h.Name)
	}
	b.put(tree, base)
	for _, h := range b.facts.Cgroups {
		b.hierarchy(m, h, base)
	}
	b.keep(tree, base)
}

// cgroupUnified is a mount of version 2. It shows what the cgroup namespace is
// rooted at when it is made, and may be made in one that the user namespace
// owns (cgroup_do_get_tree, kernel/cgroup/cgroup.c); elsewhere in a user
// namespace the container's own directory is bound, as runc does.
func (b *builder) cgroupUnified(m mounting) {
	b.join()
	if !b.userNS() || b.ns.created&unix.CLONE_NEWCGROUP != 0 || !b.unifiedHost() {
		b.place(m, b.filesystem(m))
		return
	}
	b.place(m, b.bound(m.why, m, b.facts.Cgroups[0]))
	b.skipped()
}

// hierarchyDir makes the place of a hierarchy, with a symlink for each
// controller of a co-mounted one ("cpu,cpuacct").
func (b *builder) hierarchyDir(why string, base *Cell, name string) {
	b.call(why, "mkdirat", Val{base}, str(name), octal(0o755))
	for controller := range strings.SplitSeq(name, ",") {
		if controller != name {
			b.call(why+", by its other name", "symlinkat", str(name), Val{base}, str(controller))
		}
	}
}

// hierarchy puts one on its directory in base, which nobody else has had a
// chance to change; move_mount(2) follows no symlink at the end of a path.
func (b *builder) hierarchy(m mounting, h CgroupMount, base *Cell) {
	why := m.why + ": " + h.Name
	mount := b.hierarchyMount(why, m, h)
	b.call(why, "move_mount", Val{mount}, empty, Val{base}, str(h.Name), moveEmpty)
	b.close(mount)
	b.skipped()
}

// skipped is where a plan goes on without the directory of bound.
func (b *builder) skipped() {
	if b.skip != "" {
		b.here(b.skip)
		b.skip = ""
	}
}

// bindsOwn says that the container's own directories are bound. In a new cgroup
// namespace that is the mount that would be made anew (cgroup_do_get_tree,
// cgroup_show_path, kernel/cgroup/cgroup.c), for half the work, and before the
// process is in its cgroup. One that is joined has another root, and in a user
// namespace a mount keeps what the host's is locked to.
func (b *builder) bindsOwn() bool {
	if !b.ns.has(unix.CLONE_NEWCGROUP) {
		return true
	}
	return b.ns.created&unix.CLONE_NEWCGROUP != 0 && !b.userNS()
}

// awaitGroup makes the process wait until its cgroup is there, once.
func (b *builder) awaitGroup() {
	if b.plan.AwaitsGroup || b.joined {
		return
	}
	b.plan.AwaitsGroup = true
	b.do("minirun makes the cgroup", Host{Text: "mkdir(cgroup)"})
	b.await("until the cgroup is there")
}

// bound is the container's own directory, private as a new mount is. A user may
// have been allowed none: the place stays empty then.
func (b *builder) bound(why string, m mounting, h CgroupMount) *Cell {
	fd, none := &Cell{Name: "mount"}, []On(nil)
	if b.facts.Rootless || b.facts.InUserNS {
		b.skip = b.fresh("none")
		none = divert(b.skip, unix.ENOENT)
	}
	b.do(why, Call{Name: "open_tree", Args: []Arg{atFDCWD, str(h.Dir), bindFlags(false)}, Result: fd, On: none})
	b.mountSetattr(why, Val{fd}, "", false, m.opts.Attr, unix.MS_PRIVATE)
	return fd
}

func (b *builder) hierarchyMount(why string, m mounting, h CgroupMount) *Cell {
	if b.bindsOwn() {
		return b.bound(why, m, h)
	}
	sub := m
	sub.Type, sub.v1, sub.why = "cgroup2", h.Options != nil, why
	if sub.v1 {
		sub.Type = "cgroup"
	}
	own, err := bundles.ParseMountOptions(h.Options)
	if err != nil {
		b.fail("%s: %w", why, err)
	}
	sub.Source, sub.opts.Data, sub.opts.SBFlags = sub.Type, own.Data, nil
	return b.filesystem(sub)
}
