package observe

import (
	"cmp"
	"slices"
)

// A builder takes the events one by one, in order, and concludes what each of
// them has come to once that is known: for Build when all is known, for a Live
// as soon as may be.
type builder struct {
	*Timeline
	count   int32
	byPid   map[int32]*Process // by process id, the latest of that number
	threads map[int32]int32    // thread id → process id
	inits   []*Process         // of the PID namespaces, as long as they may adopt
	marks   []*Entry           // Marks that announce a signal which has not been seen yet
	reasons map[asked]answer
	open    *Entry // the line to which what follows may belong
	end     endings
}

func newBuilder(about About) *builder {
	return &builder{
		Timeline: &Timeline{About: about},
		byPid:    map[int32]*Process{}, threads: map[int32]int32{}, reasons: map[asked]answer{},
	}
}

// Build makes a timeline of events. It sorts the slice, and completes the events
// in it with what others tell of their processes.
func Build(about About, events []Event) *Timeline {
	byTime(events)
	number(about, events)
	b := newBuilder(about)
	for i := range events {
		b.Entries = append(b.Entries, b.take(events[i]))
	}
	for _, e := range b.Entries {
		b.conclude(e)
	}
	b.close()
	return b.Timeline
}

func byTime(events []Event) {
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
}

// number walks once to learn what is told of a process only later, such as
// its pid inside, and writes that into all of its events.
func number(about About, events []Event) {
	b := newBuilder(about)
	list := make([]*Entry, len(events))
	for i := range events {
		list[i] = b.take(events[i])
	}
	for i, e := range list {
		e.complete()
		events[i].Task, events[i].Target = e.Task, e.Target
	}
}

// take is the step for one event.
func (b *builder) take(event Event) *Entry {
	e := &Entry{Event: event, N: b.count}
	b.count++
	b.finish = max(b.finish, e.Time)
	if b.Zero == 0 {
		b.Zero = e.Time
	}
	if e.Kind == Populated {
		e.Has |= HasResult
	}
	switch {
	case e.Kind == Fork:
		b.fork(e)
	case (e.Kind == Free || e.Kind == Reap) && !b.known(&e.Task):
		e.Folded = true
	default:
		b.happens(e)
	}
	return e
}

// happens is the step for what somebody does.
func (b *builder) happens(e *Entry) {
	e.Who, e.Whom = b.process(&e.Task), b.process(&e.Target)
	e.Who.fill(&e.Task)
	e.Whom.fill(&e.Target)
	if e.Who == nil && (e.Kind == Exec || e.Kind == Exit || e.Kind == Deliver) {
		e.Folded = true // nobody did it
		return
	}
	switch e.Kind {
	case Exec:
		e.Who.exec = e
	case Exit:
		b.exit(e)
	case Reap, Free:
		b.gone(e)
	case Ended:
		b.ended(e)
	case Generate:
		b.generate(e)
	case Deliver:
		b.deliver(e)
	case OOM:
		b.oomKill(e)
	case Mark:
		b.mark(e)
	case Lost:
		b.Lost += e.Count
	}
}

// fork begins a process; one that has had the number before is over, whether
// or not its end was seen.
func (b *builder) fork(e *Entry) {
	e.Who = b.process(&e.Task)
	e.Who.fill(&e.Task)
	if e.Target.Tgid == 0 {
		e.Target.Tgid = e.Target.Pid
	}
	if e.Target.Tgid == 0 {
		e.Folded = true
		return
	}
	if e.Thread() && e.Who != nil {
		e.Whom, e.Folded = e.Who, true
		b.threads[e.Target.Pid] = e.Target.Tgid
		e.Who.threads++
		return
	}
	delete(b.byPid, e.Target.Tgid)
	delete(b.threads, e.Target.Pid)
	if e.Target.Comm[0] == 0 {
		e.Target.Comm = e.Task.Comm
	}
	e.Whom = b.process(&e.Target)
	e.Whom.fill(&e.Target)
	p := e.Whom
	p.Begin = e.Time
	p.bornTo(e.Who)
	if p.Parent <= 0 {
		p.Parent = e.Task.Tgid
	}
}

// exit ends a thread, and with the last one its process. Where the source does
// not say which is the last, the forks and exits of threads are counted.
func (b *builder) exit(e *Entry) {
	p := e.Who
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
	if e.Who == nil || e.Task.Pid != e.Task.Tgid {
		return
	}
	b.status(e)
	if p := e.Who; p.Gone == 0 {
		p.Gone, p.Late = e.Time, e.Kind == Free
	}
}

// ended is a pidfd that has become readable.
func (b *builder) ended(e *Entry) {
	if e.Who == nil {
		return
	}
	p := e.Who
	if p.End == 0 {
		p.End, p.pidfd = e.Time, true // a source that saw no exit
	}
	b.status(e)
}

func (b *builder) status(e *Entry) {
	if p := e.Who; e.Known(HasStatus) && !p.Known {
		p.Status, p.Known = e.Status, true
	}
}

// mostMarks bounds how many announcements are waited for: a verb sends what it announces.
const mostMarks = 64

// mark keeps what announces a signal, for the Generate to come.
func (b *builder) mark(e *Entry) {
	if e.Signal == 0 {
		return
	}
	if len(b.marks) == mostMarks {
		b.marks = slices.Delete(b.marks, 0, 1)
	}
	b.marks = append(b.marks, e)
}

// conclude says what an entry has come to, with what is known now. Entries
// are concluded in their order.
func (b *builder) conclude(e *Entry) {
	e.complete()
	for _, p := range [...]*Process{e.Who, e.Whom} {
		if p != nil && p.End != 0 {
			b.judgeExit(p)
		}
	}
	if e.Who != nil && (e.Kind == Exit && e.Is(FlagGroupDead) || e.Kind == Ended && e.Who.End != 0) {
		b.bequeath(e.Who)
	}
	b.judge(e)
	b.fold(e)
	b.witness(e)
}

// close is the last look back.
func (b *builder) close() {
	for _, p := range b.Processes {
		if p.End != 0 {
			b.judgeExit(p)
			b.bequeath(p)
		}
	}
	b.measure()
}
