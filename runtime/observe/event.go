package observe

import (
	"bytes"

	"minirun/runtime/signals"
)

// An Event is one thing that happened, as one source saw it. It is a plain
// value, for there may be hundreds of thousands: all of it but Text is
// without pointers. A field that Has does not cover and that is not always
// there is unknown, whatever its value.
type Event struct {
	Time     int64 // nanoseconds of CLOCK_MONOTONIC, by the kernel where the kernel tells it
	Kind     Kind
	Evidence Evidence
	Origin   Origin // which source saw it
	Has      Has
	Flags    Flags
	CPU      uint16
	Signal   uint8 // Generate, Deliver, and a Mark that sends one: 1..signals.Last, else 0
	Result   uint8 // Generate: res of the tracepoint, see Queued; Populated: 0 or 1
	State    byte  // Census: the letter of proc_pid_stat(5); 0: unknown

	Code    int32  // Generate, Deliver: si_code, sign included
	Status  uint32 // Exit, Ended: as wait(2) gives it; that of the process where GroupDead is set
	Handler uint64 // Deliver, Generate: the receiver's sa_handler for Signal; 0 SIG_DFL, 1 SIG_IGN, else a function
	Count   uint64 // Lost: how many events

	// Generate: of the receiving thread, before the signal is queued.
	Blocked     signals.Set // its mask
	RealBlocked signals.Set // what sigtimedwait(2) has moved aside: it waits for these
	Caught      signals.Set // handlers installed; with HasActions
	Ignored     signals.Set // SIG_IGN; with HasActions

	Task   Task // who does it: the sender, the parent, the one that exits
	Target Task // to whom: the receiver, the child; Exit and Census: the parent

	Text string // Mark, Rung: what minirun did, in words; Populated, Attach: path of the group; Exec: path of the program; Census: what it waits in
}

// A Task is a thread and its process. The zero value is nobody.
type Task struct {
	Pid    int32 // of the thread, in the PID namespace of the observer; 0: unknown
	Tgid   int32 // of the process, likewise; 0: unknown
	Inside int32 // of the process in the container's PID namespace; 0: it is outside; Unknown
	Own    int32 // of the process in its own PID namespace, 1 for an init; Unknown
	Depth  int32 // how far its own namespace is below the container's; 0 also for one outside; Unknown
	Parent int32 // process id of the real parent in the observer's namespace; 0: none or unknown
	Comm   [16]byte
}

// Unknown as a number of a Task is what a source cannot tell.
const Unknown = -1

// Name is the task's comm. Whoever runs in the container chooses its bytes:
// a writer must escape them.
func (t *Task) Name() string {
	name, _, _ := bytes.Cut(t.Comm[:], []byte{0})
	return string(name)
}

// Comm makes the field of a Task from a name.
func Comm(name string) (c [16]byte) {
	copy(c[:15], name)
	return c
}

// Is reports whether two tasks are threads of one process.
func (t *Task) Is(o *Task) bool { return t.Tgid != 0 && t.Tgid == o.Tgid }

// A Kind is what has happened.
type Kind uint8

// The kinds, with the tracepoint or file that tells them.
const (
	Fork      Kind = iota + 1 // sched_process_fork: Task makes Target; a thread if they are one process
	Exec                      // sched_process_exec: Task runs another program, whose name it has now
	Exit                      // sched_process_exit: a thread ends; with FlagGroupDead the process does
	Generate                  // signal_generate: Task sends Signal to Target
	Deliver                   // signal_deliver: Task takes Signal from its queue
	Reap                      // pidfd: POLLHUP; Task is gone, its parent has waited for it
	Free                      // sched_process_free: the same, but late by an RCU period (some 10 ms)
	Ended                     // pidfd: readable; the last thread of Task is done and its status there
	Attach                    // cgroup_attach_task: Task joins the group Text
	Populated                 // cgroup_notify_populated: the group Text has (1) or has no (0) live task
	OOM                       // oom:mark_victim: Target is to die for want of memory; Task allocated
	Census                    // /proc: Task is there, in State, child of Target, sleeping in Text
	Mark                      // minirun did Text
	Rung                      // a section of the timeline begins: a rung of stop, or a verb
	Lost                      // Count events are missing, some time before
	lastKind  = Lost
)

var kinds = [...]string{
	"", "fork", "exec", "exit", "generate", "deliver", "reap", "free", "ended",
	"attach", "populated", "oom", "census", "mark", "rung", "lost",
}

// String is the word of the JSON.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "unknown"
}

// Evidence is how an event is known.
type Evidence uint8

// The kinds of evidence.
const (
	Observed  Evidence = iota // the kernel reported it
	Predicted                 // worked out by runtime/signals from what /proc said
	Done                      // minirun did it itself
)

// String is the word of the JSON.
func (e Evidence) String() string { return [...]string{"observed", "predicted", "done", ""}[min(e, 3)] }

// An Origin is the source of an event.
type Origin uint8

// The origins. A timeline has events of several: the source's, and what minirun did.
const (
	Minirun Origin = iota
	BPF
	Tracefs
	Proc
)

// String is the name of the source, as in --source.
func (o Origin) String() string {
	return [...]string{"minirun", "bpf", "tracefs", "proc", ""}[min(o, 4)]
}

// Has says which fields a source has filled.
type Has uint16

// The fields.
const (
	HasCPU       Has = 1 << iota
	HasResult        // Result
	HasCode          // Code
	HasGroup         // FlagGroup is known
	HasStatus        // Status
	HasGroupDead     // FlagGroupDead is known
	HasHandler       // Handler
	HasMasks         // Blocked and RealBlocked
	HasActions       // Caught and Ignored
	HasTarget        // FlagInit, FlagDying and FlagTraced are known
)

// Flags are the yes-or-no fields.
type Flags uint16

// The flags.
const (
	FlagGroup     Flags = 1 << iota // Generate: to the process, not to a thread (grp of the tracepoint)
	FlagGroupDead                   // Exit: it was the last thread
	FlagInit                        // Generate, Deliver: the receiver is SIGNAL_UNKILLABLE, that is PID 1 of its namespace
	FlagDying                       // Generate: the receiver is in a group exit already (SIGNAL_GROUP_EXIT)
	FlagTraced                      // Generate, Deliver: under ptrace(2)

	// What only a prediction knows: see signals.Question.
	FlagAwaited    // a thread waits for it in sigtimedwait(2)
	FlagSignalfd   // it is masked, and a signalfd(2) accepts it
	FlagOpenThread // the main thread masks it, and another does not
	FlagDumping    // dying, a core is being written
	FlagStopped    // in a group stop
	FlagOrphaned   // in an orphaned process group
)

// The values of Result of Generate: TRACE_SIGNAL_* of include/trace/events/signal.h.
const (
	Queued         = 0 // which is called "delivered" there
	Ignored        = 1
	AlreadyPending = 2
	OverflowFail   = 3
	LoseInfo       = 4
)

// Known reports whether all of these fields are filled.
func (e *Event) Known(h Has) bool { return e.Has&h == h }

// Is reports whether all of these flags are set.
func (e *Event) Is(f Flags) bool { return e.Flags&f == f }

// Stray reports whether a signal is that of a timer, of timer_create(2) or
// setitimer(2), to somebody outside the container: an interrupt has sent it, and
// a task of the container is only who was interrupted.
func (e *Event) Stray() bool {
	timed := e.Code == siTimer || e.Code == siKernel && e.Signal == sigalrm
	return e.Kind == Generate && timed && e.Task.Inside > 0 && e.Target.Inside == 0
}

// Thread reports whether a Fork made a thread and no process.
func (e *Event) Thread() bool { return e.Task.Is(&e.Target) }
