package observe

import (
	"slices"

	"minirun/runtime/signals"
)

// A Process is one process of a timeline, from its first to its last sign of life.
type Process struct {
	Task             // as it was last seen
	N       int32    // its number, from 0, in order of appearance
	Mother  *Process // who forked it, or nil
	Adopter *Process // who got it when its parent ended, or nil
	Told    bool     // the kernel told the adopter; else it follows from the rule
	Begin   int64    // when it was forked; 0: it was there before
	End     int64    // when its last thread ended; 0: it has not
	Gone    int64    // when it was seen to be reaped; 0: it was not
	Late    bool     // Gone is up to some 10 ms after the fact
	Status  uint32   // as wait(2) gives it, if Known
	Known   bool     // Status is
	Cause   Cause    // why it has ended
	Names   []string // every name it has had, in order
	Left    int      // children that it left to others when it ended

	threads  int                // alive
	exec     *Entry             // its last Exec, or nil
	killer   *Entry             // the Generate that began its end, or nil
	abort    *Entry             // a SIGABRT that it sent to itself, or nil
	children []*Process         // that it has forked or got first, and that were not reaped when they were last counted
	queues   map[uint8]*letters // by signal
	handled  signals.Set        // for which a handler of its own has run
	init     bool               // it is known as one of the inits
	oom      bool
	stopped  bool
	pidfd    bool   // End is when its pidfd told, for want of an Exit
	ended    bool   // an Ended has a line
	reaped   bool   // a Reap has one
	judged   bool   // Cause is as good as what is known
	willed   bool   // its children are given to others
	will     string // to whom
	group    string // path of the cgroup that it has joined last
	untold   bool   // its end was told without its status
}

// mostNames bounds how many names of a process are kept: a program can give
// itself another as often as it likes.
const mostNames = 16

// Alive reports whether the process had not ended at the end of the timeline.
func (p *Process) Alive() bool { return p.End == 0 }

// Zombie reports whether it has ended and nobody was seen to reap it.
func (p *Process) Zombie() bool { return p.End != 0 && p.Gone == 0 }

// process finds the process of a task, or begins one. A number is used again
// once its process is reaped, and then a fork tells.
func (b *builder) process(t *Task) *Process {
	id := t.Tgid
	if id == 0 {
		id = b.group(t.Pid)
	}
	if id == 0 {
		return nil
	}
	p := b.byPid[id]
	if p == nil {
		p = b.begin(id, t)
	}
	b.learn(p, t)
	return p
}

// known reports whether a task is a process of the timeline, and no thread of one.
func (b *builder) known(t *Task) bool {
	id := t.Tgid
	if id == 0 {
		id = t.Pid
	}
	_, ok := b.byPid[id]
	return ok
}

// group is the process of a thread; a thread that nobody has heard of is one itself.
func (b *builder) group(tid int32) int32 {
	if tgid, ok := b.threads[tid]; ok {
		return tgid
	}
	return tid
}

func (b *builder) begin(id int32, t *Task) *Process {
	p := &Process{Task: *t, N: b.born(), threads: 1}
	p.Tgid, p.Pid, p.Comm = id, id, [16]byte{}
	if id == b.About.Init {
		p.Inside, p.Own, p.Depth = 1, 1, 0
		if b.First == nil {
			b.First = p
		}
	}
	b.Processes = append(b.Processes, p)
	b.byPid[id] = p
	return p
}

// bornTo notes who forked a process, or is its parent when it is first seen.
func (p *Process) bornTo(mother *Process) {
	switch had := p.Mother; {
	case had == mother:
		return
	case had != nil:
		had.disown(p)
	}
	if p.Mother = mother; mother == nil {
		return
	}
	if list := mother.children; len(list) >= 64 && len(list) == cap(list) { // it will grow: it may not have to
		mother.children = slices.DeleteFunc(list, func(c *Process) bool { return c.Gone != 0 && c.Gone <= p.Begin && !c.Late })
	}
	mother.children = append(mother.children, p)
}

// disown takes a child away, as a rule the latest.
func (p *Process) disown(child *Process) {
	for i := len(p.children) - 1; i >= 0; i-- {
		if p.children[i] == child {
			p.children = slices.Delete(p.children, i, i+1)
			return
		}
	}
}

// learn takes over what an event tells about a process.
func (b *builder) learn(p *Process, t *Task) {
	learn(&p.Inside, t.Inside)
	learn(&p.Own, t.Own)
	learn(&p.Depth, t.Depth)
	if p.Own == 1 && p.Inside > 0 && !p.init {
		p.init = true
		b.inits = append(b.inits, p)
	}
	if t.Parent > 0 && t.Parent != p.Parent {
		b.adopted(p, t.Parent)
	}
	if t.Comm[0] != 0 && t.Comm != p.Comm {
		p.Comm = t.Comm
		b.renamed(p, t)
	}
}

// renamed notes a name. A program that is executed through /proc/self/exe is
// called exe, until it names itself; busybox does so for each of its tools.
func (b *builder) renamed(p *Process, t *Task) {
	if last := len(p.Names) - 1; last >= 0 && p.Names[last] == "exe" && p.exec != nil {
		p.exec.Task.Comm = t.Comm
		p.Names = p.Names[:last]
	}
	if last := len(p.Names) - 1; last < 0 || p.Names[last] != t.Name() && len(p.Names) < mostNames {
		p.Names = append(p.Names, t.Name())
	}
}

// learn keeps what is known.
func learn(to *int32, n int32) {
	if n > 0 || n == 0 && *to < 0 {
		*to = n
	}
}

// adopted notes another parent than before, unless it is the first that is heard of.
func (b *builder) adopted(p *Process, parent int32) {
	if p.Gone != 0 {
		return // what is left of it hangs on nobody
	}
	had := p.Parent
	p.Parent = parent
	switch q := b.byPid[parent]; {
	case q == nil:
	case had > 0:
		p.Adopter, p.Told = q, true
	case p.Mother == nil:
		p.bornTo(q)
	}
}

// fill completes a task of an event from what is known of its process.
// Name is as of now; numbers do not change.
func (p *Process) fill(t *Task) {
	if p == nil {
		return
	}
	t.Tgid = p.Tgid
	if t.Pid == 0 {
		t.Pid = p.Tgid
	}
	if t.Comm[0] == 0 {
		t.Comm = p.Comm
	}
}

// complete adds what later events told.
func (e *Entry) complete() {
	e.Who.complete(&e.Task)
	e.Whom.complete(&e.Target)
}

func (p *Process) complete(t *Task) {
	if p == nil {
		return
	}
	t.Inside, t.Own, t.Depth = p.Inside, p.Own, p.Depth
	if t.Comm[0] == 0 && len(p.Names) > 0 {
		t.Comm = Comm(p.Names[0])
	}
}
