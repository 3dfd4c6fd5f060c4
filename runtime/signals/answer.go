package signals

// An Answer is the kernel's decision on a Question.
type Answer struct {
	// Result is what the tracepoint signal:signal_generate prints as res:
	// 0 the signal was queued, 1 it was dropped at once. kill(2) returns 0 in both cases.
	Result int
	// Action is what comes of it. When a tracer stands in between, it is
	// what comes of it if the tracer lets the signal through.
	Action Action
	// AfterUnblock is what comes of a Pending signal when the target
	// unblocks it, or is continued, and nobody took it meanwhile; else None.
	AfterUnblock Action
	// TracerFirst is set when a tracer is stopped on and may swallow the signal.
	TracerFirst bool
	// Cause is the rule that decided; for a Pending signal, that it waits.
	Cause Cause
	// Reason is the answer in one line, in the user's words.
	Reason string
}

// Useless reports whether nothing will ever come of the signal, now or when it is unblocked.
func (a Answer) Useless() bool {
	return a.Action == Ignored || a.Action == Dropped || a.Action == Pending && a.AfterUnblock == Dropped
}

// Action is what comes of a signal.
type Action uint8

// The actions. Ignored leaves no trace in the target; Dropped was queued, and
// is thrown away when the target looks at its queue.
const (
	None Action = iota
	Ignored
	Pending
	Consumable
	Handled
	Fatal
	FatalCore
	Stop
	Dropped
)

var actions = [...]string{"", "ignored", "pending", "consumable", "handler", "fatal", "fatal_core", "stop", "dropped"}

// String is the word of the command line and of its JSON.
func (a Action) String() string { return word(actions[:], int(a)) }

// delivered reports whether the signal reaches get_signal, where a tracer looks at it.
func (a Action) delivered() bool { return a >= Handled }

// A Cause is the rule that an Answer rests on. Functions named here are those of kernel/signal.c.
type Cause uint8

// The causes.
const (
	// AlreadyDying: prepare_signal drops everything once SIGNAL_GROUP_EXIT is set.
	AlreadyDying Cause = iota + 1
	// NoHandler: sig_task_ignored, and get_signal for what was queued: a
	// SIGNAL_UNKILLABLE process takes no signal whose disposition is SIG_DFL.
	NoHandler
	// NotForced: sig_task_ignored: a SIGNAL_UNKILLABLE process takes SIGKILL and
	// SIGSTOP only if send_signal_locked forces them: from an ancestor namespace or the kernel.
	NotForced
	// SetIgnored: sig_handler_ignored, and get_signal for what was queued: SIG_IGN.
	SetIgnored
	// IgnoredByDefault: sig_handler_ignored and get_signal: SIG_DFL of CHLD, CONT, URG, WINCH.
	IgnoredByDefault
	// Masked: sig_ignored never ignores what is blocked, for the handler may change
	// before it is unblocked; complete_signal then finds no thread that wants it.
	Masked
	// AwaitsCont: wants_signal: a stopped thread is woken by nothing but SIGKILL and SIGCONT.
	AwaitsCont
	// Awaited: do_sigtimedwait moved the mask to real_blocked and takes the signal itself.
	Awaited
	// OnSignalfd: signalfd_dequeue of fs/signalfd.c takes the blocked signal.
	OnSignalfd
	// HasHandler: get_signal returns to the architecture's code, which runs the handler.
	HasHandler
	// OrphanedGroup: get_signal: is_current_pgrp_orphaned, so nobody could continue it.
	OrphanedGroup
	// OwnFault: force_sig_info_to_task resets a blocked or ignored signal to
	// SIG_DFL, and a SIG_DFL one takes SIGNAL_UNKILLABLE away.
	OwnFault
	// DefaultAction: get_signal: do_signal_stop, vfs_coredump or do_group_exit.
	DefaultAction
)
