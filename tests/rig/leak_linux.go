package rig

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A snapshot is what exists, as sorted lines a person can read.
type snapshot map[string]bool

// settle is how long the machine may take for what the kernel does late: the
// last reference to a cgroup, a mount or a task goes after an RCU period.
var settle = Patience(10 * time.Second)

// look sees what a test could leave behind.
func (r *Rig) look() snapshot {
	s := snapshot{}
	for _, list := range []func() []string{r.processes, mounts, cgroupDirs, r.files, r.sockets, descriptors, defaultRoots} {
		for _, line := range list() {
			s[line] = true
		}
	}
	return s
}

// leaks is what there is now and was not before the test.
func (r *Rig) leaks() []string {
	for end := time.Now().Add(settle); ; time.Sleep(5 * time.Millisecond) {
		ReapOrphans()
		var left []string
		for line := range r.look() {
			if !r.before[line] {
				left = append(left, line)
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			slices.Sort(left)
			return left
		}
	}
}

// processes are the descendants that ended up at the subreaper, and whatever
// else carries the marker in its environment or in its cgroup.
func (r *Rig) processes() []string {
	var out []string
	for _, pid := range OurProcesses() {
		cmd := strings.ReplaceAll(r.maybe(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
		out = append(out, fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(cmd)))
	}
	return out
}

// OurProcesses are the pids, but our own, that belong to this run.
func OurProcesses() []int {
	var out []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && ours(pid) {
			out = append(out, pid)
		}
	}
	return out
}

// ours tells whether a process is a child of this one or carries the marker.
func ours(pid int) bool {
	if Stat(pid).PPid == os.Getpid() {
		return true
	}
	dir := fmt.Sprintf("/proc/%d/", pid)
	for _, file := range []string{"cgroup", "environ"} {
		if data, err := os.ReadFile(dir + file); err == nil && strings.Contains(string(data), Marker) {
			return true
		}
	}
	return false
}

// A Task is what /proc/PID/stat tells of a process that the tests need.
type Task struct {
	State   byte // 'R', 'S', 'Z', …, 0 when there is no such process
	PPid    int
	Session int
}

// Stat reads /proc/PID/stat; the zero Task is of a process that is gone.
func Stat(pid int) Task {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Task{}
	}
	text := string(data)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 4 {
		return Task{}
	}
	ppid, _ := strconv.Atoi(f[1])
	session, _ := strconv.Atoi(f[3])
	return Task{f[0][0], ppid, session}
}

// mounts are those of this mount namespace.
func mounts() []string {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	var out []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 5 {
			out = append(out, fmt.Sprintf("mount of %s on %s (%s)", f[3], f[4], f[5]))
		}
	}
	return out
}

// mountsUnder are the mount points below a directory.
func mountsUnder(dir string) []string {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	var out []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			out = append(out, f[4])
		}
	}
	return out
}

// cgroupDirs are the cgroups of this run in every hierarchy.
func cgroupDirs() []string {
	var out []string
	for _, dir := range CgroupsNamed(Marker) {
		if filepath.Base(dir) != Marker { // the parent of all, removed at the end of the run
			out = append(out, "cgroup "+dir)
		}
	}
	return out
}

// CgroupsNamed are the cgroup directories, parents first, with the text in their path.
func CgroupsNamed(text string) []string {
	var out []string
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, text) {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// files are those in the state root and in the runtime's TMPDIR.
func (r *Rig) files() []string {
	var out []string
	for _, dir := range []string{r.Root, r.tmp()} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			out = append(out, "file "+filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// defaultRoots are the states in the roots that a runtime uses by itself.
func defaultRoots() []string {
	var out []string
	for _, pattern := range []string{"/run/*/" + Marker + "*"} {
		found, _ := filepath.Glob(pattern)
		out = append(out, found...)
	}
	return out
}

// sockets are the unix sockets bound in the test's directory.
func (r *Rig) sockets() []string {
	var out []string
	for line := range strings.Lines(r.maybe("/proc/net/unix")) {
		if strings.Contains(line, r.Dir+"/") {
			f := strings.Fields(line)
			out = append(out, "socket "+f[len(f)-1])
		}
	}
	return out
}

// descriptors are this process's own open files.
func descriptors() []string {
	var out []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode:[event") && !strings.Contains(to, "/proc/") {
			out = append(out, "descriptor "+e.Name()+" -> "+to)
		}
	}
	return out
}
