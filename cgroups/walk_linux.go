package cgroups

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Groups below a container's own are the container's to make, and may be
// nested deeper than PATH_MAX: they are reached by descriptor, one per level.

// walk calls visit with the directory dir and each group below it, parents
// first. A group that goes meanwhile is passed over, but not dir itself.
func walk(dir string, visit func(group int) error) error {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	return walkAt(os.NewFile(uintptr(fd), dir), visit)
}

// walkAt closes f.
func walkAt(f *os.File, visit func(group int) error) error {
	defer f.Close()
	if err := visit(int(f.Fd())); err != nil {
		return err
	}
	names, err := subgroups(f)
	if err != nil && !gone(err) {
		return err
	}
	for _, name := range names {
		below, err := openBelow(f, name)
		if err == nil {
			err = walkAt(below, visit)
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func openBelow(f *os.File, name string) (*os.File, error) {
	fd, err := openat(int(f.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// subgroups returns the names of the groups right below f. A group without
// any, the ordinary case, has a link count of two and is not listed.
func subgroups(f *os.File) ([]string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink == 2 {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// procs lists the processes in dir and below.
func procs(dir string) ([]int, error) {
	var pids []int
	buf := make([]byte, 0, 4<<10)
	err := walk(dir, func(group int) error {
		fd, err := openat(group, "cgroup.procs", unix.O_RDONLY)
		if err != nil {
			return err
		}
		b, err := readFD(fd, buf)
		if errors.Is(err, unix.EOPNOTSUPP) { // threaded: its processes are listed by the domain above
			return nil
		}
		pids = append(pids, parsePids(b)...)
		return err
	})
	return pids, err
}

// removeTree removes the groups below dir, deepest first, and dir.
func removeTree(dir string) error {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil {
		err = removeBelow(os.NewFile(uintptr(fd), dir))
	}
	if err == nil || gone(err) {
		err = rmdir(dir)
	}
	return err
}

// removeBelow empties the directory f of groups, as far as they go, and closes it.
func removeBelow(f *os.File) error {
	defer f.Close()
	names, first := subgroups(f)
	for _, name := range names {
		if err := removeAt(f, name); err != nil && !gone(err) && first == nil {
			first = err
		}
	}
	return first
}

func removeAt(parent *os.File, name string) error {
	err := unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)
	if !busy(err) {
		return err
	}
	below, err := openBelow(parent, name)
	if err != nil {
		return err
	}
	if err := removeBelow(below); err != nil && !gone(err) {
		return err
	}
	return unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)
}

// busy reports whether a group could not be removed because of its members or
// of groups below it; the kernel says EBUSY for both (cgroup_destroy_locked).
func busy(err error) bool { return err == unix.EBUSY || err == unix.ENOTEMPTY }
