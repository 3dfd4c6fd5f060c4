package observe

import "slices"

// A builder walks through the events once, in order, and then looks back.
type builder struct {
	*Timeline
	byPid   map[int32]int32 // process id → process, the latest of that number
	threads map[int32]int32 // thread id → process id
	queues  map[queue]*letters
	marks   []int32 // Marks that announce a signal which has not been seen yet
	reasons map[asked]answer
}

func newBuilder(about About, events []Event) *builder {
	b := &builder{
		Timeline: &Timeline{About: about, Entries: make([]Entry, len(events)), First: None},
		byPid:    map[int32]int32{}, threads: map[int32]int32{},
		queues: map[queue]*letters{}, reasons: map[asked]answer{},
	}
	for i := range events {
		if events[i].Kind == Populated {
			events[i].Has |= HasResult
		}
		b.Entries[i] = Entry{Event: events[i], Who: None, Whom: None, Pair: None, By: None}
	}
	return b
}

func (b *builder) walk() {
	for i := range b.Entries {
		b.take(int32(i))
	}
}

// number walks once to learn what is told of a process only later, such as
// its pid inside, and writes that into all of its events.
func (b *builder) number(events []Event) {
	b.walk()
	for i := range events {
		e := &b.Entries[i]
		b.complete(&e.Task, e.Who)
		b.complete(&e.Target, e.Whom)
		events[i].Task, events[i].Target = e.Task, e.Target
	}
}

// take is the step for one event.
func (b *builder) take(i int32) {
	e := &b.Entries[i]
	if e.Kind == Fork {
		b.fork(e)
		return
	}
	if (e.Kind == Free || e.Kind == Reap) && !b.known(&e.Task) {
		e.Folded = true
		return
	}
	e.Who, e.Whom = b.process(&e.Task), b.process(&e.Target)
	b.fill(&e.Task, e.Who)
	b.fill(&e.Target, e.Whom)
	if e.Who == None && (e.Kind == Exec || e.Kind == Exit || e.Kind == Deliver) {
		e.Folded = true // nobody did it
		return
	}
	switch e.Kind {
	case Exec:
		b.Processes[e.Who].exec = i
	case Exit:
		b.exit(i)
	case Reap, Free:
		b.gone(e)
	case Ended:
		b.ended(e)
	case Generate:
		b.generate(i)
	case Deliver:
		b.deliver(i)
	case OOM:
		b.oomKill(i)
	case Mark:
		b.mark(i)
	case Lost:
		b.Lost += e.Count
	}
}

// fork begins a process; one that has had the number before is over, whether
// or not its end was seen.
func (b *builder) fork(e *Entry) {
	e.Who = b.process(&e.Task)
	b.fill(&e.Task, e.Who)
	if e.Target.Tgid == 0 {
		e.Target.Tgid = e.Target.Pid
	}
	if e.Target.Tgid == 0 {
		e.Folded = true
		return
	}
	if e.Thread() && e.Who != None {
		e.Whom, e.Folded = e.Who, true
		b.threads[e.Target.Pid] = e.Target.Tgid
		b.Processes[e.Who].threads++
		return
	}
	delete(b.byPid, e.Target.Tgid)
	delete(b.threads, e.Target.Pid)
	if e.Target.Comm[0] == 0 {
		e.Target.Comm = e.Task.Comm
	}
	e.Whom = b.process(&e.Target)
	b.fill(&e.Target, e.Whom)
	p := &b.Processes[e.Whom]
	p.Mother, p.Begin = e.Who, e.Time
	if p.Parent <= 0 {
		p.Parent = e.Task.Tgid
	}
}

// exit ends a thread, and with the last one its process. Where the source does
// not say which is the last, the forks and exits of threads are counted.
func (b *builder) exit(i int32) {
	e := &b.Entries[i]
	p := &b.Processes[e.Who]
	p.threads--
	delete(b.threads, e.Task.Pid)
	if !e.Known(HasGroupDead) && p.threads <= 0 {
		e.Has, e.Flags = e.Has|HasGroupDead, e.Flags|FlagGroupDead
	}
	if !e.Is(FlagGroupDead) {
		e.Folded = true
		return
	}
	p.End = e.Time
	if e.Known(HasStatus) {
		p.Status, p.Known = e.Status, true
	}
}

// gone is a reaping. The kernel frees the last reference to a task some time after.
func (b *builder) gone(e *Entry) {
	e.Folded = e.Kind == Free
	if e.Who == None || b.Processes[e.Who].Gone != 0 || e.Task.Pid != e.Task.Tgid {
		return
	}
	p := &b.Processes[e.Who]
	p.Gone, p.Late = e.Time, e.Kind == Free
	b.status(e)
}

// ended is a pidfd that has become readable.
func (b *builder) ended(e *Entry) {
	if e.Who == None {
		return
	}
	p := &b.Processes[e.Who]
	if p.End == 0 {
		p.End, p.pidfd = e.Time, true // a source that saw no exit
	}
	b.status(e)
}

func (b *builder) status(e *Entry) {
	if p := &b.Processes[e.Who]; e.Known(HasStatus) && !p.Known {
		p.Status, p.Known = e.Status, true
	}
}

// mark keeps what announces a signal, for the Generate to come.
func (b *builder) mark(i int32) {
	if b.Entries[i].Signal != 0 {
		b.marks = append(b.marks, i)
	}
}

// finish looks back, when all is known.
func (b *builder) finish() {
	b.First = slices.IndexFunc(b.Processes, func(p Process) bool { return p.Tgid == b.About.Init && p.Tgid != 0 })
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Kind == Generate && e.Way == ByUser && e.Who != None && e.Task.Name() == "minirun" {
			e.Way = ByMinirun
		}
	}
	for i := range b.Processes {
		b.judgeExit(int32(i))
	}
	for i := range b.Entries {
		b.judge(int32(i))
	}
	b.adoptions()
	b.fold()
	b.measure()
}
