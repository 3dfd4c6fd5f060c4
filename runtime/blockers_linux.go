package runtime

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
	"minirun/runtime/signals"
)

// whoBlocks names the processes that keep a container from ending, for an
// error message.
func whoBlocks(r *Record) string { return blockersText(blockers(r), r.Pid) }

// blockers finds the processes that keep a container from ending: those in
// its cgroup, and those in its own PID namespace or in one below that,
// wherever they were moved. The worst come first. It does what it can.
func blockers(r *Record) []Blocker {
	pids, _ := members(r)
	if r.OwnPidNS && r.PidNS != 0 {
		pids = append(pids, namespacePids(r.PidNS)...)
	}
	slices.Sort(pids)
	var all []Blocker
	for _, pid := range slices.Compact(pids) {
		if b, ok := blockerOf(pid, r); ok {
			all = append(all, b)
		}
	}
	var undated []*Blocker
	for i := range all {
		undated = append(undated, &all[i])
	}
	date(undated)
	slices.SortStableFunc(all, func(a, b Blocker) int { return cmp.Compare(b.weight(), a.weight()) })
	return all
}

// namespacePids searches all of /proc for the members of a PID namespace,
// zombies too, which no cgroup lists.
func namespacePids(inode uint64) []int {
	var pids []int
	for _, pid := range numbersIn("/proc") {
		if inPidNS(pid, inode) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// inPidNS tells whether a process is in a PID namespace or in one below it,
// which counts for zap: it has a pid in both. The way up ends with EPERM at
// our own namespace (NS_GET_PARENT, ioctl_ns(2)).
func inPidNS(pid int, inode uint64) bool {
	fd, err := openAt(unix.AT_FDCWD, procPath(pid)+"/ns/pid", unix.O_RDONLY, 0)
	for err == nil {
		var st unix.Stat_t
		if err = unix.Fstat(fd, &st); err == nil && st.Ino == inode {
			unix.Close(fd)
			return true
		}
		up, upErr := unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
		unix.Close(fd)
		fd, err = up, upErr
	}
	return false
}

// blockerOf describes a process by its worst thread.
func blockerOf(pid int, r *Record) (Blocker, bool) {
	if pid == 0 { // a member of the cgroup that our PID namespace does not show
		return Blocker{}, false
	}
	dir, stat, ok := worstThread(pid)
	if !ok {
		return Blocker{}, false
	}
	status, err := readStatus(procPath(pid))
	if err != nil {
		return Blocker{}, false
	}
	wchan, _ := readFileAt(unix.AT_FDCWD, dir+"/wchan")
	b := Blocker{Pid: pid, Name: status.Name, State: stat.State, Wchan: string(wchan), Inside: insidePid(r, status)}
	if status.TracerPid != 0 {
		b.Tracer = processOf(status.TracerPid)
	}
	switch stat.State {
	case 'Z':
		b.Parent = processOf(status.PPid)
		b.corpse = corpseOf(pid)
		b.Outside = r.OwnPidNS && pid != r.Pid && !inPidNS(status.PPid, r.PidNS)
	case 'D':
		b.Frozen = frozenIn(pid)
	}
	return b, true
}

func worstThread(pid int) (dir string, worst procStat, ok bool) {
	for _, tid := range numbersIn(procPath(pid) + "/task") {
		path := procPath(pid) + "/task/" + strconv.Itoa(tid)
		stat, err := statOf(path)
		if err != nil || ok && !worse(stat, worst) {
			continue
		}
		dir, worst, ok = path, stat, true
	}
	return dir, worst, ok
}

// insidePid is a process's pid in the container, 0 when that has no PID
// namespace of its own. The kernel lists the pids from our namespace inwards
// and the init's list ends with the container's (NSpid, proc_pid_status(5)).
func insidePid(r *Record, s signals.Status) int {
	if !r.OwnPidNS {
		return 0
	}
	const level = 1 // minirun's own fork has made the namespace, so it is the next below ours
	if len(s.NSpid) <= level {
		return 0
	}
	return s.NSpid[level]
}

func readStatus(dir string) (signals.Status, error) {
	text, err := readFileAt(unix.AT_FDCWD, dir+"/status")
	if err != nil {
		return signals.Status{}, err
	}
	return signals.ParseStatus(text)
}

// processOf names a process by the pid of any of its threads: TracerPid is
// that of a thread.
func processOf(tid int) Process {
	p := Process{Pid: tid}
	if tid == 0 {
		return p
	}
	text, err := readFileAt(unix.AT_FDCWD, procPath(tid)+"/status")
	if err == nil {
		p.Pid = threadGroup(string(text), tid)
	}
	p.Name = "gone"
	if s, err := readStatus(procPath(p.Pid)); err == nil {
		p.Name = s.Name
	}
	return p
}

// frozenIn is the version 1 freezer cgroup of a process if it is frozen, with
// all above it looked at by the kernel (freezer.state, freezer-subsystem.rst).
// Version 2 lets SIGKILL through.
func frozenIn(pid int) string {
	text, err := readFileAt(unix.AT_FDCWD, procPath(pid)+"/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !slices.Contains(strings.Split(f[1], ","), "freezer") {
			continue
		}
		if freezerState(f[2]) != "THAWED" {
			return f[2]
		}
	}
	return ""
}

// freezerState is what the group at a path of the freezer's hierarchy says.
// One that cannot be read is taken for thawed.
func freezerState(path string) string {
	const thawed = "THAWED"
	host, err := cgroups.Look()
	if err != nil {
		return thawed
	}
	for _, h := range host.V1 {
		if !slices.Contains(h.Controllers, "freezer") {
			continue
		}
		if text, err := readFileAt(unix.AT_FDCWD, h.Mount+path+"/freezer.state"); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	return thawed
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
