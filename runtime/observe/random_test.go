package observe

import (
	"math/rand"
	"slices"
	"syscall"
	"testing"

	"minirun/runtime/signals"
)

// A world is a container as the kernel would play it, with what it knows of
// each end and each signal. Its events are what an ideal source would see.
type world struct {
	*rand.Rand
	now    int64
	next   int32
	free   []int32 // numbers to be used again
	alive  []*inhabitant
	zombie []*inhabitant
	init   *inhabitant
	events []Event
	ends   []truth
	fates  map[int64]signals.Action // by time of the Generate
}

type inhabitant struct {
	task   Task
	parent *inhabitant
	catch  signals.Set
	block  signals.Set
	ignore signals.Set
}

// truth is how a process has ended, by the time of its exit.
type truth struct {
	at  int64
	sig uint8
	way Way
}

func newWorld(seed int64) *world {
	w := &world{Rand: rand.New(rand.NewSource(seed)), next: 100, now: 1000, fates: map[int64]signals.Action{}}
	w.init = &inhabitant{task: Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1, Parent: 50, Comm: Comm("init")}}
	w.alive = []*inhabitant{w.init}
	w.settle(w.init)
	return w
}

// settle gives a process dispositions of its own.
func (w *world) settle(p *inhabitant) {
	p.catch, p.block = signals.Set(w.Uint64())&^(1<<8|1<<18), 0
	p.ignore = signals.Set(w.Uint64()&w.Uint64()) &^ (p.catch | 1<<8 | 1<<18)
	if w.Intn(3) == 0 {
		p.block = signals.Set(w.Uint64()&w.Uint64()) &^ (1<<8 | 1<<18)
	}
}

func (w *world) emit(e Event) int64 {
	w.now += 1 + w.Int63n(50_000)
	e.Time, e.Origin = w.now, BPF
	w.events = append(w.events, e)
	return w.now
}

func (w *world) fork() {
	parent := w.alive[w.Intn(len(w.alive))]
	pid := w.next + 1
	if len(w.free) > 0 && w.Intn(2) == 0 {
		pid, w.free = w.free[0], w.free[1:]
	} else {
		w.next++
	}
	c := &inhabitant{parent: parent, catch: parent.catch, block: parent.block, ignore: parent.ignore}
	c.task = Task{Pid: pid, Tgid: pid, Inside: pid - 99, Own: pid - 99, Parent: parent.task.Tgid, Comm: parent.task.Comm}
	w.alive = append(w.alive, c)
	w.emit(Event{Kind: Fork, Task: parent.task, Target: c.task})
	if w.Intn(2) == 0 {
		c.task.Comm = Comm([]string{"sh", "sleep", "a b", "\x1b[2J", "<b>"}[w.Intn(5)])
		w.settle(c)
		c.catch = 0
		w.emit(Event{Kind: Exec, Task: c.task})
	}
}

// exit ends a process, and gives its children to the init.
func (w *world) exit(p *inhabitant, status uint32, way Way) {
	at := w.emit(Event{Kind: Exit, Task: p.task, Target: Task{}, Has: HasStatus | HasGroupDead, Flags: FlagGroupDead, Status: status})
	w.ends = append(w.ends, truth{at, uint8(status & 0x7f), way})
	w.alive = slices.DeleteFunc(w.alive, func(q *inhabitant) bool { return q == p })
	w.zombie = append(w.zombie, p)
	for _, q := range append(slices.Clone(w.alive), w.zombie...) {
		if q.parent == p {
			q.parent, q.task.Parent = w.init, w.init.task.Tgid
		}
	}
}

func (w *world) reap() {
	if len(w.zombie) == 0 {
		return
	}
	i := w.Intn(len(w.zombie))
	p := w.zombie[i]
	w.zombie = slices.Delete(w.zombie, i, i+1)
	w.emit(Event{Kind: Reap, Task: p.task})
	w.free = append(w.free, p.task.Tgid)
}

// signal lets anybody send anything to anybody; the rule says what comes of it.
func (w *world) signal() {
	to, from := w.alive[w.Intn(len(w.alive))], Task{Pid: 50, Tgid: 50, Own: 50, Comm: Comm("outside")}
	inside := w.Intn(3) > 0
	if inside {
		from = w.alive[w.Intn(len(w.alive))].task
	}
	sig := 1 + w.Intn(31)
	q := signals.Question{Signal: sig, Inside: inside, Init: to == w.init, Blocked: to.block.Has(sig)}
	handler := uint64(0)
	switch {
	case to.ignore.Has(sig):
		q.Disposition, handler = signals.Ignore, 1
	case to.catch.Has(sig):
		q.Disposition, handler = signals.Catch, 4711
	}
	a := signals.Verdict(q)
	if a.Action == signals.Stop || a.Action == signals.Pending && w.Intn(2) == 0 {
		return // a stopped world is a dull one
	}
	at := w.emit(Event{
		Kind: Generate, Task: from, Target: to.task, Signal: uint8(sig), Result: uint8(a.Result), Flags: FlagGroup,
		Has: HasResult | HasCode | HasGroup | HasMasks, Blocked: to.block,
	})
	w.fates[at] = a.Action
	switch a.Action {
	case signals.Ignored:
		return
	case signals.Pending:
		w.fates[at] = w.later(to, q, handler)
		return
	}
	w.deliver(to, sig, handler, a.Action, from)
}

// later is the fate of a pending signal: it is unblocked at once, or never.
func (w *world) later(to *inhabitant, q signals.Question, handler uint64) signals.Action {
	a := signals.Delivery(q).Action
	if w.Intn(2) == 0 || a != signals.Handled && a != signals.Dropped {
		w.mute(to, q.Signal)
		return signals.Pending
	}
	w.emit(Event{Kind: Deliver, Task: to.task, Signal: uint8(q.Signal), Handler: handler, Has: HasHandler})
	return a
}

// mute keeps a second signal of the number from being queued: which of the two
// is pending would take a whole kernel to say.
func (w *world) mute(to *inhabitant, sig int) {
	one := signals.SetOf(sig)
	to.block, to.catch, to.ignore = to.block&^one, to.catch&^one, to.ignore|one
}

func (w *world) deliver(to *inhabitant, sig int, handler uint64, a signals.Action, from Task) {
	taken := sig
	if a == signals.Fatal {
		taken = int(syscall.SIGKILL) // as complete_signal has it
	}
	w.emit(Event{Kind: Deliver, Task: to.task, Signal: uint8(taken), Handler: handler, Has: HasHandler})
	if a != signals.Fatal && a != signals.FatalCore {
		return
	}
	way := ByUser
	if from.Tgid == to.task.Tgid {
		way = ByItself
	}
	if to == w.init {
		w.end(uint32(sig), way)
		return
	}
	w.exit(to, uint32(sig), way)
}

// end is that of the init: the kernel kills and reaps the rest.
func (w *world) end(status uint32, way Way) {
	w.exit(w.init, status, way)
	w.zombie = slices.DeleteFunc(w.zombie, func(p *inhabitant) bool { return p == w.init })
	for _, p := range slices.Clone(w.alive) {
		w.emit(Event{
			Kind: Generate, Task: w.init.task, Target: p.task, Signal: sigkill, Code: siKernel,
			Flags: FlagGroup, Has: HasResult | HasCode | HasGroup,
		})
		w.emit(Event{Kind: Deliver, Task: p.task, Signal: sigkill, Has: HasHandler})
		w.exit(p, uint32(sigkill), ByZap)
	}
	for len(w.zombie) > 0 {
		w.reap()
	}
	w.init = nil
}

func (w *world) run(steps int) {
	for range steps {
		if w.init == nil {
			return
		}
		switch w.Intn(8) {
		case 0, 1:
			w.fork()
		case 2:
			if p := w.alive[w.Intn(len(w.alive))]; p != w.init {
				w.exit(p, uint32(w.Intn(256))<<8, ByUser)
			}
		case 3:
			w.reap()
		default:
			w.signal()
		}
	}
}

func TestEveryLegalStreamOfEventsIsUnderstood(t *testing.T) {
	seen := map[any]int{}
	for seed := int64(1); seed <= 300; seed++ {
		w := newWorld(seed)
		w.run(200)
		events := slices.Clone(w.events)
		w.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		line := Build(About{ID: "random", Init: 100, Origin: BPF}, events)
		checkOrder(t, seed, line)
		checkEnds(t, seed, line, w)
		checkFates(t, seed, line, w)
		for _, end := range w.ends {
			seen[end.way]++
		}
		for _, fate := range w.fates {
			seen[fate]++
		}
		if t.Failed() {
			return
		}
	}
	for _, kind := range []any{
		ByUser, ByItself, ByZap, signals.Ignored, signals.Pending, signals.Handled, signals.Fatal, signals.FatalCore, signals.Dropped,
	} {
		if seen[kind] < 100 {
			t.Errorf("%v was played %d times only: %v", kind, seen[kind], seen)
		}
	}
}

// checkOrder: fork < exec < exit < reap, and nobody acts after its end but an
// init that kills the rest.
func checkOrder(t *testing.T, seed int64, line *Timeline) {
	for i, e := range line.Entries {
		if i > 0 && e.Time < line.Entries[i-1].Time {
			t.Errorf("seed %d: entry %d is before the one before", seed, i)
		}
		if e.Who == nil {
			continue
		}
		p := e.Who
		dead := p.End != 0 && e.Time > p.End && e.Kind != Reap && e.Way != ByZap
		if e.Time < p.Begin || dead {
			t.Errorf("seed %d: %s of %s at %d, which lived from %d to %d", seed, e.Kind, p.label(""), e.Time, p.Begin, p.End)
		}
	}
	for _, p := range line.Processes {
		if p.Gone != 0 && (p.End == 0 || p.Gone < p.End) {
			t.Errorf("seed %d: %s was reaped before it ended", seed, p.label(""))
		}
	}
}

// checkEnds: every exit has its cause, and the one that it had.
func checkEnds(t *testing.T, seed int64, line *Timeline, w *world) {
	byTime := map[int64]*Process{}
	for _, p := range line.Processes {
		byTime[p.End] = p
	}
	for _, end := range w.ends {
		p := byTime[end.at]
		if p == nil {
			t.Errorf("seed %d: nobody ended at %d", seed, end.at)
			continue
		}
		want := Cause{Kind: Itself}
		if end.sig != 0 {
			want = Cause{Kind: BySignal, Signal: end.sig, Way: end.way}
		}
		if got := p.Cause; got.Kind != want.Kind || got.Signal != want.Signal || got.Way != want.Way || got.Words == "" {
			t.Errorf("seed %d: %s ended at %d by %+v, want %+v", seed, p.label(""), end.at, got, want)
		}
	}
}

// checkFates: every signal has come to what it has come to.
func checkFates(t *testing.T, seed int64, line *Timeline, w *world) {
	for i, e := range line.Entries {
		if want, ok := w.fates[e.Time]; ok && e.Kind == Generate && e.Outcome != want {
			t.Errorf("seed %d: %s to %s at %d: %v (%s), want %v", seed, signals.Name(int(e.Signal)), label(e.Whom), e.Time, e.Outcome, e.Reason, want)
		}
		if e.Kind == Generate && e.Reason == "" {
			t.Errorf("seed %d: entry %d has no reason", seed, i)
		}
	}
}
