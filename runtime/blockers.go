package runtime

import (
	"fmt"
	"strconv"
	"strings"
)

// A Blocker is a process that does not end after SIGKILL, by the one of its
// threads that best says why.
type Blocker struct {
	Pid    int // on the host, or wherever minirun runs
	Inside int // in the container; 0 where it has no namespace of its own
	Name   string
	State  byte   // D, Z, t, … (proc_pid_stat(5))
	Wchan  string // the kernel function it waits in; "0" or empty when it does not
	Frozen string // the version 1 freezer cgroup that holds it, "" for none

	// Parent is who has to wait for a zombie. Outside says that it lives
	// outside the container's PID namespace, so that no end of the container
	// makes the init adopt the zombie: it holds up the init for as long as
	// that parent neither waits nor ends (kernel/pid_namespace.c, zap_pid_ns_processes).
	Parent  Process
	Outside bool
	// Tracer is who traces it, and has to wait for a zombie before its parent can.
	Tracer Process
	// Unreaped is for how long a zombie has not been waited for.
	Unreaped Elapsed
	corpse   *corpse // of a zombie; nil where /proc does not tell
}

// A Process is a pid and the name of its program; the pid is 0 for none that is visible.
type Process struct {
	Pid  int
	Name string
}

func (p Process) String() string { return fmt.Sprintf("%d (%s)", p.Pid, p.Name) }

func (b Blocker) String() string {
	s := fmt.Sprintf("%d (%s) %c", b.Pid, b.Name, b.State)
	switch {
	case b.State == 'Z':
		return s + ", " + b.unreaped()
	case b.Wchan != "" && b.Wchan != "0":
		s += " in " + b.Wchan
	}
	if b.Frozen != "" {
		s += ", frozen in cgroup " + b.Frozen
	}
	if b.Tracer.Pid != 0 {
		s += ", traced by " + b.Tracer.String()
	}
	return s
}

// unreaped says who should wait for a zombie and does not, and for how long.
func (b Blocker) unreaped() string {
	if b.Unreaped.Bound == Undated {
		return b.whose()
	}
	return b.whose() + ", " + b.Unreaped.String()
}

func (b Blocker) whose() string {
	switch {
	case b.Tracer.Pid != 0:
		return "not waited for by its tracer " + b.Tracer.String()
	case b.Outside && b.Parent.Pid == 0:
		return "not waited for by its parent, outside the container and not visible from here"
	case b.Outside:
		return "not waited for by its parent " + b.Parent.String() + " outside the container"
	}
	return "not waited for by its parent " + b.Parent.String()
}

// Advice says what would make it end, or "".
func (b Blocker) Advice() string {
	switch {
	case b.Tracer.Pid != 0:
		return "end or detach the tracer " + b.Tracer.String()
	case b.State == 'Z' && b.Parent.Pid != 0:
		return "make " + b.Parent.String() + " wait for it, or end that"
	case b.Frozen != "":
		return "thaw cgroup " + b.Frozen
	case b.State == 'D':
		return "it is in an uninterruptible sleep, which ends when the device or file system answers"
	}
	return ""
}

// weight orders processes, and the threads of one, by how well they explain
// what stays: a zombie that nobody waits for and a sleep that cannot be
// interrupted are causes, the rest waits for them. Among threads a zombie is none.
func (b Blocker) weight() int {
	switch {
	case b.State == 'Z' && (b.Outside || b.Tracer.Pid != 0):
		return 4
	case b.State == 'D':
		return 3
	case b.State == 'Z', b.State == 'X':
		return 1
	}
	return 2
}

// threadGroup finds the pid of the process in the status of a thread (Tgid,
// proc_pid_status(5)), or returns the thread's own.
func threadGroup(status string, tid int) int {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "Tgid:\t"); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
				return pid
			}
		}
	}
	return tid
}

// worse orders threads.
func worse(a, b procStat) bool {
	return Blocker{State: a.State}.weight() > Blocker{State: b.State}.weight()
}

// causes leaves out who only waits for the others: the init, unless it is held
// itself, and a zombie whose parent would wait for it if that could.
func causes(all []Blocker, init int) []Blocker {
	var list, zombies []Blocker
	for _, b := range all {
		switch {
		case b.Pid == init && b.State != 'D' && b.State != 't':
		case b.weight() == 1:
			zombies = append(zombies, b)
		default:
			list = append(list, b)
		}
	}
	switch {
	case len(list) > 0:
		return list
	case len(zombies) > 0:
		return zombies
	}
	return all
}

// blockersText names at most five.
func blockersText(all []Blocker, init int) string {
	var list []string
	for _, b := range causes(all, init) {
		list = append(list, b.String())
	}
	const most = 5
	switch n := len(list); {
	case n == 0:
		return "nobody is left now; try again"
	case n > most:
		return "blocked by " + strings.Join(list[:most], "; ") + fmt.Sprintf("; and %d more", n-most)
	}
	return "blocked by " + strings.Join(list, "; ")
}
