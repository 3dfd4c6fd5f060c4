package signals

import "syscall"

// reason is an Answer in words: the action, a colon, the cause, and what
// the user should know besides.
func reason(q Question, a Answer, after Cause) string {
	s := a.Action.String() + ": " + q.because(a.Cause, a.Action)
	if a.Action == Pending {
		s += q.later(a.AfterUnblock, after)
	}
	if a.TracerFirst {
		s += " (the tracer sees it first)"
	}
	if q.Signal == int(syscall.SIGCONT) && a.Cause != AlreadyDying {
		s += "; if stopped, " + q.target() + " resumes"
	}
	return s
}

// because is one cause in the user's words. Its line says what decided;
// which function of the kernel that is stands at the Cause.
func (q Question) because(c Cause, a Action) string {
	target, name := q.target(), Name(q.Signal)
	switch c {
	case AlreadyDying:
		return target + " is already dying"
	case NoHandler:
		return target + " has no handler for " + name
	case NotForced:
		return q.notForced()
	case SetIgnored:
		return target + " ignores " + name
	case IgnoredByDefault:
		return "the default action of " + name + " is to do nothing"
	case Masked:
		return target + " blocks " + name
	case AwaitsCont:
		return q.awaitsCont()
	case Awaited:
		return target + " waits for " + name + " in sigtimedwait"
	case OnSignalfd:
		return target + " reads " + name + " from a signalfd"
	case HasHandler:
		return q.handler()
	case OrphanedGroup:
		return name + " cannot stop an orphaned process group"
	case OwnFault:
		return q.ownFault(a)
	case DefaultAction:
		return q.defaultAction(a)
	}
	return "unknown cause"
}

// later says what a waiting signal turns into, and when.
func (q Question) later(a Action, c Cause) string {
	when := "; when unblocked it is "
	if !q.Blocked {
		when = "; then it is "
	}
	switch {
	case a == Handled:
		return when + "handled"
	case a == Dropped && c == AwaitsCont:
		return ""
	case a == Dropped:
		return when + "dropped: " + q.because(c, a)
	case a == Stop:
		return when + "a stop"
	}
	return when + "fatal"
}

func (q Question) awaitsCont() string {
	name := Name(q.Signal)
	if q.is(stopping) {
		return q.target() + " is stopped; SIGCONT removes " + name + " from its queue"
	}
	return q.target() + " is stopped, and takes " + name + " when it is continued"
}

func (q Question) notForced() string {
	name := Name(q.Signal)
	switch q.How {
	case Timer:
		return "no timer can send " + name + " to PID 1"
	case IO:
		return "no file descriptor can send " + name + " to PID 1"
	}
	return "PID 1 takes " + name + " only from outside its PID namespace"
}

// handler adds what a handler cannot do in an init: the idiom to clean up,
// reset the signal and raise it again, as node does, ends nothing there.
func (q Question) handler() string {
	s := q.target() + " has a handler for " + Name(q.Signal)
	if q.Init && !q.is(harmless|stopping) && q.How != Fault {
		s += "; if that resets it and raises it again, nothing happens"
	}
	return s
}

func (q Question) ownFault(a Action) string {
	name := Name(q.Signal)
	switch {
	case q.Blocked || q.Disposition == Ignore:
		return name + " from a fault of its own cannot be blocked or ignored, and ends " + q.target()
	case q.Init:
		return name + " from a fault of its own ends even PID 1"
	}
	return q.defaultAction(a)
}

func (q Question) defaultAction(a Action) string {
	name := Name(q.Signal)
	switch {
	case q.Init && a == Stop:
		return name + " " + q.origin() + " stops even PID 1"
	case q.Init:
		return name + " " + q.origin() + " ends PID 1 and all of its PID namespace"
	case a == Stop:
		return "the default action of " + name + " is to stop the process"
	case a == FatalCore:
		return "the default action of " + name + " is to end the process with a core dump"
	}
	return "the default action of " + name + " is to end the process"
}

func (q Question) origin() string {
	if q.How == Kernel {
		return "from the kernel"
	}
	return "from outside"
}

func (q Question) target() string {
	if q.Init {
		return "PID 1"
	}
	return "the process"
}
