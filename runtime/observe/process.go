package observe

// A Process is one process of a timeline, from its first to its last sign of life.
type Process struct {
	Task             // as it was last seen
	Mother  int32    // who forked it, among Processes, or None
	Adopter int32    // who got it when its parent ended, or None
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

	threads int   // alive
	exec    int32 // entry of its last Exec, or None
	killer  int32 // entry of the Generate that began its end, or None
	oom     bool
	stopped bool
	pidfd   bool  // End is when its pidfd told, for want of an Exit
	ended   bool  // an Ended has a line
	abort   int32 // entry of a SIGABRT that it sent to itself, or None
	handled [1 + 64]bool
}

// Alive reports whether the process had not ended at the end of the timeline.
func (p *Process) Alive() bool { return p.End == 0 }

// Zombie reports whether it has ended and nobody was seen to reap it.
func (p *Process) Zombie() bool { return p.End != 0 && p.Gone == 0 }

// process finds the process of a task, or begins one. A number is used again
// once its process is reaped, and then a fork tells.
func (b *builder) process(t *Task) int32 {
	id := t.Tgid
	if id == 0 {
		id = b.group(t.Pid)
	}
	if id == 0 {
		return None
	}
	i, ok := b.byPid[id]
	if !ok {
		i = b.begin(id, t)
	}
	b.learn(i, t)
	return i
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

func (b *builder) begin(id int32, t *Task) int32 {
	i := int32(len(b.Processes))
	p := Process{Task: *t, Mother: None, Adopter: None, exec: None, killer: None, abort: None, threads: 1}
	p.Tgid, p.Pid, p.Comm = id, id, [16]byte{}
	if id == b.About.Init {
		p.Inside, p.Own, p.Depth = 1, 1, 0
	}
	b.Processes = append(b.Processes, p)
	b.byPid[id] = i
	return i
}

// learn takes over what an event tells about a process.
func (b *builder) learn(i int32, t *Task) {
	p := &b.Processes[i]
	learn(&p.Inside, t.Inside)
	learn(&p.Own, t.Own)
	learn(&p.Depth, t.Depth)
	if t.Parent > 0 && t.Parent != p.Parent {
		b.adopted(i, t.Parent)
	}
	if t.Comm[0] != 0 && t.Comm != p.Comm {
		p.Comm = t.Comm
		b.renamed(p, t)
	}
}

// renamed notes a name. A program that is executed through /proc/self/exe is
// called exe, until it names itself; busybox does so for each of its tools.
func (b *builder) renamed(p *Process, t *Task) {
	if last := len(p.Names) - 1; last >= 0 && p.Names[last] == "exe" && p.exec != None {
		b.Entries[p.exec].Task.Comm = t.Comm
		p.Names = p.Names[:last]
	}
	if last := len(p.Names) - 1; last < 0 || p.Names[last] != t.Name() {
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
func (b *builder) adopted(i, parent int32) {
	p := &b.Processes[i]
	if p.Gone != 0 {
		return // what is left of it hangs on nobody
	}
	had := p.Parent
	p.Parent = parent
	if q, ok := b.byPid[parent]; ok && had > 0 {
		p.Adopter, p.Told = q, true
	} else if ok && p.Mother == None {
		p.Mother = q
	}
}

// fill completes the tasks of an event from what is known of their processes.
// Name is as of now; numbers do not change.
func (b *builder) fill(t *Task, i int32) {
	if i == None {
		return
	}
	p := &b.Processes[i]
	t.Tgid = p.Tgid
	if t.Pid == 0 {
		t.Pid = p.Tgid
	}
	if t.Comm[0] == 0 {
		t.Comm = p.Comm
	}
}

// complete adds what later events told.
func (b *builder) complete(t *Task, i int32) {
	if i == None {
		return
	}
	p := &b.Processes[i]
	t.Inside, t.Own, t.Depth = p.Inside, p.Own, p.Depth
	if t.Comm[0] == 0 && len(p.Names) > 0 {
		t.Comm = Comm(p.Names[0])
	}
}
