package runtime

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// whoBlocks names the processes that keep a container from ending: those in
// its cgroup, and those in its own PID namespace wherever they were moved. It
// is for an error message, and does what it can.
func whoBlocks(r *Record) string {
	pids, _ := members(r)
	if r.OwnPidNS && r.PidNS != 0 {
		pids = append(pids, namespacePids(r.PidNS)...)
	}
	slices.Sort(pids)
	var all []blocker
	for _, pid := range slices.Compact(pids) {
		if b, ok := blockerOf(pid); ok {
			all = append(all, b)
		}
	}
	return blockersText(all, r.Pid)
}

// namespacePids searches all of /proc for the members of a PID namespace.
func namespacePids(inode uint64) []int {
	var pids []int
	for _, pid := range numbersIn("/proc") {
		if ino, err := pidNSOf(pid); err == nil && ino == inode {
			pids = append(pids, pid)
		}
	}
	return pids
}

// blockerOf describes a process by its worst thread.
func blockerOf(pid int) (b blocker, ok bool) {
	for _, tid := range numbersIn(procPath(pid) + "/task") {
		dir := procPath(pid) + "/task/" + strconv.Itoa(tid)
		stat, err := statOf(dir)
		if err != nil || ok && !worse(stat, b.Task) {
			continue
		}
		wchan, _ := readFileAt(unix.AT_FDCWD, dir+"/wchan")
		b, ok = blocker{Pid: pid, Task: stat, Wchan: string(wchan)}, true
	}
	return b, ok
}

// numbersIn lists the entries of a directory whose names are numbers.
func numbersIn(dir string) []int {
	entries, _ := os.ReadDir(dir)
	var numbers []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
