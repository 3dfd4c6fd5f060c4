package lab

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidsGroup is the directory of a process's cgroup with the pids controller.
func pidsGroup(pid int) string {
	for _, controller := range []string{"pids", ""} {
		for line := range strings.SplitSeq(proc(pid, "cgroup"), "\n") {
			f := strings.SplitN(line, ":", 3)
			if len(f) != 3 || f[1] != controller {
				continue
			}
			for _, mount := range []string{"/sys/fs/cgroup/" + controller, "/sys/fs/cgroup/unified"} {
				dir := filepath.Join(mount, f[2])
				if _, err := os.Stat(filepath.Join(dir, "pids.current")); err == nil {
					return dir
				}
			}
		}
	}
	return ""
}

// tasks is pids.current of the container's cgroup.
func (x *box) tasks() int {
	text, err := os.ReadFile(filepath.Join(x.group, "pids.current"))
	x.must(err)
	count, err := strconv.Atoi(strings.TrimSpace(string(text)))
	x.must(err)
	return count
}

// refused is the count of forks that pids.max refused (pids.events).
func (x *box) refused() int {
	text, err := os.ReadFile(filepath.Join(x.group, "pids.events"))
	x.must(err)
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "max "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(v))
			x.must(err)
			return count
		}
	}
	return 0
}

const freezer = "/sys/fs/cgroup/freezer"

func haveFreezer() bool {
	var fs unix.Statfs_t
	return unix.Statfs(freezer, &fs) == nil && fs.Type == unix.CGROUP_SUPER_MAGIC
}

// freeze freezes a process in a cgroup of its own, which no runtime knows of.
// The way back is taken at the end of the experiment if not before.
func (x *box) freeze(pid int) (thaw func() error) {
	dir := filepath.Join(freezer, "minirun-"+x.id)
	x.must(os.Mkdir(dir, 0o755))
	write := func(file, text string) error { return os.WriteFile(filepath.Join(dir, file), []byte(text), 0) }
	thaw = func() error { return write("freezer.state", "THAWED") }
	x.undo = append(x.undo, thaw)
	x.after = append(x.after, func() error { return os.Remove(dir) })
	x.must(write("cgroup.procs", strconv.Itoa(pid)))
	x.must(write("freezer.state", "FROZEN"))
	x.until(func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "freezer.state"))
		return err == nil && strings.TrimSpace(string(text)) == "FROZEN"
	})
	return thaw
}
