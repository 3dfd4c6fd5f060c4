package tracefs

import (
	"slices"
	"strings"

	"minirun/runtime/observe"
	"minirun/runtime/signals"
)

// A tracker makes events of a container out of what fires on a whole host. It
// follows who is in the container by forks, from those who are there when it
// begins, and asks look about a child of anybody else.
//
// It makes no system call. Events go to out in no certain order: one whose
// process has a pid inside that is not known yet is held back until the fork
// has returned in the parent, which tells it.
type tracker struct {
	// look asks /proc who a thread is; false when it is gone.
	look func(tid int32) (observe.Task, bool)
	// paths are the container's groups, as directories.
	paths []string
	// groupDead and renames say what this kernel tells: see bind.
	groupDead, renames bool

	out     []observe.Event
	held    []held
	threads map[int32]*thread
	outside map[int32]observe.Task // who they are that are not in the container
	forks   map[int32]int32        // the last child of a thread whose fork has not returned
	zombies []*process
	last    map[string]int64 // populated, by path
	joined  map[int32]bool   // who has joined the container's group
}

// A process is one of the container.
type process struct {
	observe.Task
	living   int // threads
	looked   bool
	returned bool // the fork has, or cannot any more
	exited   bool
	seeded   bool // it was there before its fork was read

	fatal   uint8       // the last signal delivered that is fatal by default
	coming  uint8       // the last one queued that is, and not delivered yet
	pending signals.Set // queued and not delivered yet
	code    uint32      // wait status of an exit
	coded   bool        // code is known: the main thread's
	final   bool        // code is the process's, by exit_group
}

// known reports whether all is known that an event tells of a process.
func (p *process) known() bool {
	return p == nil || p.returned && p.looked || p.Inside != observe.Unknown && p.Own != observe.Unknown && p.Depth != observe.Unknown
}

// A thread is one of a process.
type thread struct {
	tid      int32
	p        *process
	comm     [16]byte
	unshared bool // its children are in a PID namespace of their own
	exited   bool
}

// held is an event that waits for its processes to be known.
type held struct {
	event        observe.Event
	task, target *process
}

// outsideMost bounds what is remembered of other processes.
const outsideMost = 1 << 16

func newTracker(look func(int32) (observe.Task, bool), paths []string) *tracker {
	return &tracker{
		look: look, paths: paths, threads: map[int32]*thread{}, outside: map[int32]observe.Task{},
		forks: map[int32]int32{}, last: map[string]int64{}, joined: map[int32]bool{},
	}
}

// seed takes in who is there at the beginning; of a process with several
// threads each comes on its own.
func (t *tracker) seed(task observe.Task) {
	if t.threads[task.Pid] == nil {
		t.adopt(task).seeded = true
	}
}

// adopt takes in a thread that look has told of.
func (t *tracker) adopt(task observe.Task) *process {
	p := t.process(task.Tgid)
	if p == nil {
		p = &process{Task: task, looked: true, returned: true}
		p.Pid = task.Tgid
	}
	t.threads[task.Pid] = &thread{tid: task.Pid, p: p, comm: task.Comm}
	if task.Pid == task.Tgid {
		p.Comm = task.Comm
	}
	p.living++
	return p
}

// process finds a process of the container, dead ones too that have not been freed.
func (t *tracker) process(tgid int32) *process {
	if th := t.threads[tgid]; th != nil {
		return th.p
	}
	for _, th := range t.threads { // its main thread may have gone before it
		if th.p.Tgid == tgid {
			return th.p
		}
	}
	return nil
}

// member is a thread of the container, or nil.
func (t *tracker) member(tid int32) *thread { return t.threads[tid] }

// task is how an event names a thread, and its process if that is a member.
func (t *tracker) task(tid int32) (observe.Task, *process) {
	if th := t.threads[tid]; th != nil {
		return th.task(), th.p
	}
	if tid == 0 { // the idle task: nobody
		return observe.Task{}, nil
	}
	known, ok := t.outside[tid]
	if !ok {
		if known, ok = t.look(tid); !ok {
			known = observe.Task{Pid: tid, Own: observe.Unknown}
		}
		t.remember(known)
	}
	known.Inside, known.Depth = 0, 0
	return known, nil
}

func (t *tracker) remember(task observe.Task) {
	if len(t.outside) >= outsideMost {
		clear(t.outside)
	}
	task.Inside, task.Depth = 0, 0
	t.outside[task.Pid] = task
}

func (th *thread) task() observe.Task {
	task := th.p.Task
	task.Pid, task.Comm = th.tid, th.comm
	return task
}

// emit hands an event on, or holds it back.
func (t *tracker) emit(r *raw, e observe.Event, task, target *process) {
	e.Time, e.Origin, e.CPU, e.Has = r.at, observe.Tracefs, r.cpu, e.Has|observe.HasCPU
	if task.known() && target.known() {
		t.out = append(t.out, e)
		return
	}
	t.held = append(t.held, held{e, task, target})
}

// settle comes after a batch: what it can learn now it need not wait for. At
// the end nothing is waited for.
func (t *tracker) settle(end bool) {
	keep := t.held[:0]
	for _, h := range t.held {
		for _, p := range []*process{h.task, h.target} {
			if p.known() {
				continue
			}
			t.learn(p)
			p.returned = p.returned || end
		}
		if !h.task.known() || !h.target.known() {
			keep = append(keep, h)
			continue
		}
		h.task.fill(&h.event.Task)
		h.target.fill(&h.event.Target)
		t.out = append(t.out, h.event)
	}
	t.held = keep
}

// learn asks /proc once for what the tracepoints have not told.
func (t *tracker) learn(p *process) {
	if p.looked {
		return
	}
	p.looked = true
	if task, ok := t.look(p.Tgid); ok && task.Tgid == p.Tgid && task.Inside > 0 {
		p.Inside, p.Own, p.Depth = task.Inside, task.Own, task.Depth
	}
}

// fill completes an event's task by what is known of its process now.
func (p *process) fill(task *observe.Task) {
	if p != nil {
		task.Inside, task.Own, task.Depth = p.Inside, p.Own, p.Depth
	}
}

// ours finds the container's group in a path below a hierarchy's root.
func (t *tracker) ours(path string) bool {
	return len(path) > 1 && slices.ContainsFunc(t.paths, func(dir string) bool { return strings.HasSuffix(dir, path) })
}
