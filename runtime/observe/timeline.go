package observe

import "minirun/runtime/signals"

// About is what a timeline is of, and how it came about.
type About struct {
	ID      string
	Init    int32    // process id of the container's init, in the observer's PID namespace
	Origin  Origin   // the source that was chosen
	Skipped []string // a line for each better source, why it was not
	Lost    uint64   // events that the source has lost, besides those of Lost events
	Zero    int64    // the moment that times are printed from; 0 until the first event
}

// A Timeline is what happened to a container, in the order in which it happened.
type Timeline struct {
	About
	Entries   []*Entry   // by time; a Live has them only where nobody else does
	Processes []*Process // in order of appearance; those outside that acted on the container too
	First     *Process   // the container's init, or nil
	Phases    []Phase

	finish  int64 // the time of the last event
	drained int64 // when the end of the init proved that nothing is left, or 0
	dropped dropped
}

// An Entry is an event and what the timeline makes of it. Its tasks have
// names and numbers also where the source did not tell them with this event.
type Entry struct {
	Event
	N         int32    // its number, from 0
	Who, Whom *Process // Task and Target, or nil
	// Pair ties a Generate to its first Deliver and that to its Generate, an Exit to
	// the Generate that it is owed to, an OOM to its Generate, and a Rung to the Mark
	// that says more of it; nil otherwise.
	Pair    *Entry
	By      *Entry         // Generate: the Mark of minirun's that it comes of, or nil
	Outcome signals.Action // Generate, Deliver: what came of the signal in the end
	Way     Way            // Generate: who is behind it
	Folded  bool           // it says nothing that another entry does not say: a picture leaves it out
	Repeats int32          // how many entries of the same kind that follow are folded into it
	Reason  string         // Generate, Deliver: why, in the user's words

	counted []*Entry // Census: those who were counted with it
	tells   bool     // Ended, Reap: it is this that tells how Who has ended
}

// Way is what is behind a signal.
type Way uint8

// The ways.
const (
	ByUser       Way = iota // kill(2) and its kin, from anybody
	ByMinirun               // the same, from a verb of minirun
	ByItself                // kill(2) or raise(3) on itself
	ByFault                 // its own instruction
	ByZap                   // the end of the init of its PID namespace (zap_pid_ns_processes)
	ByOOM                   // the OOM killer
	ByCgroupKill            // cgroup.kill
	ByDeath                 // PR_SET_PDEATHSIG: its parent has ended
	ByTimer                 // a timer or a file of its own
	ByChild                 // SIGCHLD: a child has changed its state
	ByKernel                // the kernel otherwise: terminal, resource limit, interval timer
)

var ways = [...]string{
	"user", "minirun", "self", "fault", "zap", "oom", "cgroup.kill", "parent-death", "timer", "child", "kernel",
}

// String is the word of the JSON.
func (w Way) String() string { return ways[min(int(w), len(ways)-1)] }

// Start is the moment that times are relative to.
func (t *Timeline) Start() int64 { return t.Zero }

// Finish is the time of the last event.
func (t *Timeline) Finish() int64 { return max(t.finish, t.Zero) }

// inside reports whether a process has a pid in the container's PID namespace.
func (p *Process) inside() bool { return p != nil && p.Inside > 0 }
