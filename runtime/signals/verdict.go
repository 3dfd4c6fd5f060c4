// Package signals says what the kernel will do with a signal before it is
// sent, and why: the rule of kernel/signal.c as a pure function, the facts
// about a process that the rule needs, read from /proc, and tables of both
// for people.
//
// The rule matters because kill(2) returns 0 whatever becomes of the signal,
// and because the first process of a PID namespace (PID 1 of a container)
// has another rule than every other process. It is checked against some
// five thousand measurements (testdata/README).
//
// It is the rule of Linux 4.20 and later. Earlier kernels queued a signal
// from an ancestor namespace that the target then dropped: same end, other trace.
package signals

import "syscall"

// Verdict says what the kernel does with a signal. It is total: a question
// that cannot arise, such as a fault that raises SIGTERM, gets the answer
// of the kernel's code as it is written.
//
// A signal meets two gates. It is generated in the sender's context, where
// prepareSignal may drop it at once, and later delivered in the target's own,
// by getSignal. Between them it may wait in the queue for long.
func Verdict(q Question) Answer {
	q = q.normal()
	asked := q
	if q.How == Fault {
		q = forceSig(q)
	}
	a, after := decide(q)
	a.TracerFirst = q.Traced && a.Action.delivered() && q.Signal != int(syscall.SIGKILL)
	a.Reason = reason(asked, a, after)
	return a
}

// decide runs both gates; after is the cause of AfterUnblock.
func decide(q Question) (a Answer, after Cause) {
	if why := prepareSignal(q); why != 0 {
		return Answer{Result: 1, Action: Ignored, Cause: why}, 0
	}
	if wait, why := completeSignal(q); wait != None {
		a = Answer{Action: wait, Cause: why}
		if wait == Pending {
			a.AfterUnblock, after = getSignal(q)
		}
		return a, after
	}
	a.Action, a.Cause = getSignal(q)
	return a, 0
}

// normal removes what cannot be: SIGKILL and SIGSTOP have no other
// disposition than the default and no mask holds them (do_sigaction,
// sigprocmask, do_sigtimedwait), and without a mask there is nothing
// that a second thread or a signalfd could take.
func (q Question) normal() Question {
	if q.is(kernelOnly) {
		q.Disposition, q.Blocked, q.Waiting = Default, false, false
	}
	if !q.Blocked {
		q.OpenThread, q.Signalfd = false, false
	}
	return q
}

// is reports whether the signal belongs to a class.
func (q Question) is(class Set) bool { return class.Has(q.Signal) }

// forceSig is force_sig_info_to_task: nobody can block or ignore the fault
// of an instruction, which would be raised again for ever. It is the one
// way in which a process takes its protection as init from itself;
// a tracer keeps it, because its user does not expect that to change.
func forceSig(q Question) Question {
	if q.Blocked || q.Disposition == Ignore {
		q.Disposition, q.Blocked, q.Signalfd = Default, false, false
	}
	if q.Disposition == Default && !q.Traced {
		q.Init = false
	}
	return q
}

// prepareSignal is the first gate: why the signal is dropped at once, or 0.
// SIGCONT resumes a stopped target here, before it is dropped.
func prepareSignal(q Question) Cause {
	if q.Dying || q.Dumping {
		if q.Dumping && q.Signal == int(syscall.SIGKILL) {
			return 0
		}
		return AlreadyDying
	}
	return sigIgnored(q)
}

// sigIgnored lets pass what is blocked, before it looks at anything else,
// and whatever a tracer may want to see.
func sigIgnored(q Question) Cause {
	if q.Blocked || q.Waiting {
		return 0
	}
	if q.Traced && q.Signal != int(syscall.SIGKILL) {
		return 0
	}
	return sigTaskIgnored(q)
}

// sigTaskIgnored is the rule that makes init special. The host's own PID 1
// is not asked about: to it nobody is outside.
func sigTaskIgnored(q Question) Cause {
	if q.Init && q.Disposition == Default && !(forced(q) && q.is(kernelOnly)) {
		if q.is(kernelOnly) {
			return NotForced
		}
		return NoHandler
	}
	return sigHandlerIgnored(q)
}

func sigHandlerIgnored(q Question) Cause {
	switch {
	case q.Disposition == Ignore:
		return SetIgnored
	case q.Disposition == Default && q.is(harmless):
		return IgnoredByDefault
	}
	return 0
}

// forced is the part of send_signal_locked that tells a signal which even an
// init cannot refuse: from the kernel, or from a sender that has no pid in the
// target's namespace: not only an ancestor's, also a sibling's, which a shared
// process group reaches. Timers and files carry no sender. Only SIGKILL and SIGSTOP use it.
func forced(q Question) bool {
	switch q.How {
	case Kernel:
		return true
	case Kill, Sigqueue:
		return !q.Inside
	}
	return false
}

// completeSignal says who keeps a queued signal from being delivered, if
// anybody: None means that a thread takes it to getSignal now.
func completeSignal(q Question) (Action, Cause) {
	switch {
	case q.Waiting:
		return Consumable, Awaited
	case q.Signalfd:
		return Consumable, OnSignalfd
	case q.Blocked && !q.OpenThread:
		return Pending, Masked
	case q.Stopped && q.Signal != int(syscall.SIGKILL) && q.Signal != int(syscall.SIGCONT):
		return Pending, AwaitsCont
	}
	return None, 0
}

// getSignal is the second gate, in the target's own context: what a signal
// does that a thread has taken from the queue.
func getSignal(q Question) (Action, Cause) {
	switch {
	case q.Disposition == Catch:
		return Handled, HasHandler
	case q.Disposition == Ignore:
		return Dropped, SetIgnored
	case q.is(harmless):
		return Dropped, IgnoredByDefault
	case q.Init && !q.is(kernelOnly):
		return Dropped, NoHandler
	case q.is(stopping):
		return doSignalStop(q)
	case q.How == Fault:
		return fatality(q), OwnFault
	}
	return fatality(q), DefaultAction
}

// doSignalStop is the default action of the four stop signals. One that
// waits for SIGCONT never gets here: prepare_signal flushes it then.
func doSignalStop(q Question) (Action, Cause) {
	switch {
	case q.Stopped:
		return Dropped, AwaitsCont
	case q.Orphaned && q.Signal != int(syscall.SIGSTOP):
		return Dropped, OrphanedGroup
	}
	return Stop, DefaultAction
}

// fatality tells an end with a core from one without. RLIMIT_CORE does not count here.
func fatality(q Question) Action {
	if q.is(dumping) {
		return FatalCore
	}
	return Fatal
}
