package signals

import "fmt"

// A Task is what /proc tells about a process and its signals, at one moment.
type Task struct {
	Status            // of the main thread
	Threads  []Thread // the main thread first
	Signalfd Set      // what the process's signalfds accept, all together
	Orphaned bool     // its process group is orphaned
	// Gaps says what could not be read and what is uncertain therefore, a line each.
	Gaps []string
}

// A Thread is one task of the process.
type Thread struct {
	Status
	Exiting bool // in do_exit
	// Awaits is what it waits for in sigtimedwait(2). The kernel takes these out of SigBlk
	// meanwhile and shows nowhere whether they were blocked before; POSIX demands
	// it and it is assumed here.
	Awaits Set
}

// Init reports whether the process is the first of its PID namespace.
func (t Task) Init() bool {
	return len(t.NSpid) > 0 && t.NSpid[len(t.NSpid)-1] == 1
}

// Dying reports whether the process has begun to end as a whole: no thread is
// left that is not exiting, or the group exit has given one its SIGKILL.
// A main thread alone that is a zombie is no proof: the others live on.
func (t Task) Dying() bool {
	exiting := 0
	for _, th := range t.Threads {
		if th.Pending.Has(sigkill) {
			return true
		}
		if th.gone() {
			exiting++
		}
	}
	return t.Shared.Has(sigkill) || t.Dumping || exiting == len(t.Threads)
}

// Draining reports whether an init is dying and still there, because it waits
// for the last of its namespace: zap_pid_ns_processes.
func (t Task) Draining() bool {
	for _, th := range t.Threads {
		if t.Init() && th.Exiting && !th.dead() {
			return true
		}
	}
	return false
}

func (th Thread) dead() bool { return th.State == 'Z' || th.State == 'X' }
func (th Thread) gone() bool { return th.Exiting || th.dead() }

// Disposition is what the process has arranged for a signal.
func (t Task) Disposition(sig int) Disposition {
	switch {
	case t.Ignored.Has(sig):
		return Ignore
	case t.Caught.Has(sig):
		return Catch
	}
	return Default
}

// Question asks what becomes of a signal that is sent to the process. For a
// Fault it is the main thread's own.
func (t Task) Question(sig int, how How, inside bool) Question {
	q := Question{
		Signal: sig, How: how, Inside: inside, Disposition: t.Disposition(sig),
		Init: t.Init(), Traced: t.TracerPid != 0, Dying: t.Dying(), Dumping: t.Dumping,
		Stopped: t.State == 'T', Orphaned: t.Orphaned,
		Blocked: t.Blocked.Has(sig), Signalfd: t.Signalfd.Has(sig),
	}
	if how != Fault {
		q.Waiting, q.OpenThread = t.taker(sig, q.Blocked)
	}
	return q
}

// taker looks for a thread that would take a signal which the main thread
// does not: the kernel asks the main thread whether the signal is ignored, and then
// all of them, beginning anywhere, who wants it.
func (t Task) taker(sig int, blocked bool) (waiting, open bool) {
	for i, th := range t.Threads {
		switch {
		case th.gone() || i > 0 && !blocked:
		case th.Awaits.Has(sig):
			waiting = true
		case !th.Blocked.Has(sig):
			open = true
		}
	}
	return waiting, open
}

// Mask is how a signal is held back from delivery in the process, in a word
// or two, or "" when it is not.
func (t Task) Mask(sig int) string {
	q := t.Question(sig, Kill, false).normal()
	switch {
	case q.Waiting:
		return "awaited"
	case q.Signalfd:
		return "signalfd"
	case q.OpenThread:
		return "blocked by main thread"
	case q.Blocked:
		return "blocked"
	}
	return ""
}

// String is the process in a few words, for a heading.
func (t Task) String() string {
	s := fmt.Sprintf("%s, pid %d", t.Name, t.Pid)
	if inside := len(t.NSpid) - 1; inside > 0 {
		s += fmt.Sprintf(" (%d inside)", t.NSpid[inside])
	}
	return s + t.condition()
}

func (t Task) condition() string {
	switch {
	case t.Draining():
		return ", dying: waits for the rest of its PID namespace"
	case t.Dying():
		return ", dying"
	case t.TracerPid != 0:
		return fmt.Sprintf(", traced by pid %d", t.TracerPid)
	case t.State == 'T':
		return ", stopped"
	}
	return ""
}
