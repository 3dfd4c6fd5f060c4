package proc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// A Namespace is the PID namespace of a container, as this process's /proc shows it.
type Namespace struct {
	Inode uint64 // of /proc/PID/ns/pid
	Level int    // how far it is below our own
	// Groups are the directories of the container's cgroups. They tell who
	// belongs to it of those at whose namespace we may not look
	// (PTRACE_MODE_READ, ptrace(2)): the container has a capability that we have not.
	Groups []string
}

// Of is the namespace of a container.
func Of(c observe.Container) Namespace {
	return Namespace{Inode: c.PidNS, Level: c.Level, Groups: c.Cgroups}
}

// Look says who a thread is, by its number in our namespace. Inside is 0 for
// one that is outside. It is false for a thread that is gone.
func (n Namespace) Look(tid int32) (observe.Task, bool) {
	w, ok := read(tid)
	if !ok {
		return observe.Task{}, false
	}
	task := observe.Task{
		Pid: tid, Tgid: w.tgid, Own: w.inner[len(w.inner)-1], Parent: w.parent, Comm: observe.Comm(w.name),
	}
	if len(w.inner) > n.Level && n.holds(tid, len(w.inner)-1) {
		task.Inside, task.Depth = w.inner[n.Level], int32(len(w.inner)-1-n.Level)
	}
	return task, true
}

func read(tid int32) (who, bool) {
	text, err := os.ReadFile(path(tid) + "/status")
	if err != nil {
		return who{}, false
	}
	w, err := parseWho(text)
	return w, err == nil
}

// holds climbs from a task's own namespace, which is at a level, to n's
// (NS_GET_PARENT, ioctl_ns(2)).
func (n Namespace) holds(tid int32, level int) bool {
	var st unix.Stat_t
	fd, err := unix.Open(path(tid)+"/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.EACCES || err == unix.EPERM {
		text, err := os.ReadFile(path(tid) + "/cgroup")
		return err == nil && inGroups(text, n.Groups)
	}
	for ; err == nil && level > n.Level; level-- {
		up, upErr := unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
		unix.Close(fd)
		fd, err = up, upErr
	}
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Fstat(fd, &st) == nil && st.Ino == n.Inode
}

// Tasks are the threads of the namespace and of those below it, zombies too,
// those of a process after one another, its main thread first.
func (n Namespace) Tasks() (all []observe.Task) {
	for _, pid := range pidsIn("/proc") {
		task, ok := n.Look(pid)
		if !ok || task.Inside == 0 {
			continue
		}
		all = append(all, task)
		for _, tid := range pidsIn(path(pid) + "/task") {
			if tid == pid {
				continue
			}
			if w, ok := read(tid); ok {
				thread := task
				thread.Pid, thread.Comm = tid, observe.Comm(w.name)
				all = append(all, thread)
			}
		}
	}
	return all
}

// pidsIn lists the entries of a directory that are numbers.
func pidsIn(dir string) (list []int32) {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.ParseInt(name, 10, 32); err == nil {
			list = append(list, int32(pid))
		}
	}
	return list
}

func path(pid int32) string { return "/proc/" + strconv.Itoa(int(pid)) }
