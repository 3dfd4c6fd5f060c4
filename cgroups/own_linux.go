package cgroups

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Own gives the group to a user, who may make groups in it and move its
// processes among those: the directory, and the files that the kernel names
// for delegation (Documentation/admin-guide/cgroup-v2.rst, "Delegation";
// runtime-spec, config-linux.md, "Cgroup ownership"). The limits stay root's.
// It is for version 2 only, and does nothing to any other group.
func (g *Group) Own(uid int) error {
	if !g.pure() {
		return nil
	}
	dir := g.unified()
	for _, path := range append([]string{dir}, delegated(dir)...) {
		g.tell(path, "owner "+strconv.Itoa(uid))
		if err := unix.Fchownat(unix.AT_FDCWD, path, uid, -1, unix.AT_SYMLINK_NOFOLLOW); err != nil && (path == dir || err != unix.ENOENT) {
			return failed("chown", path, err)
		}
	}
	return nil
}

// delegated are the files of a group that go with it; a group need not have
// each of them. Before Linux 4.15 the kernel names none.
func delegated(dir string) []string {
	names := []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
	if text, err := readFile("/sys/kernel/cgroup", "delegate"); err == nil {
		names = strings.Fields(text)
	}
	for i, name := range names {
		names[i] = dir + "/" + name
	}
	return names
}
