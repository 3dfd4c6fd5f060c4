// Package stop is the ladder that ends a container, as a pure state machine:
// stop signal, grace, SIGKILL, draining, gone. It takes what the driver has
// seen, and says what to do next; it makes no system call and knows no clock.
//
// The driver looks at the container, calls Next, does as it is told, and
// then waits for one of three things: the pidfd of the init, the
// events of the cgroup, or the time that it was told. It need not poll.
package stop

import (
	"syscall"
	"time"

	"minirun/runtime/signals"
)

// Never as the grace of a Plan sends no SIGKILL, ever.
const Never time.Duration = -1

// patience is how long after SIGKILL a container may take to go before the
// ladder asks what holds it up: ten times what the kernel takes on a loaded machine.
const patience = 100 * time.Millisecond

const sigkill = int(syscall.SIGKILL)

// A Plan is what the user asks for.
type Plan struct {
	Signal int           // the first signal to the init
	Grace  time.Duration // between Signal and SIGKILL, or Never
	Limit  time.Duration // from SIGKILL on, or from when the init began to die, to giving up
	Fast   bool          // no grace when the init will do nothing about Signal
	Blank  bool          // no program runs yet that could be asked: SIGKILL at once
}

// A View is what the driver sees of a container at one moment.
type View struct {
	Ended  bool // the pidfd of the init is readable: its last thread is done
	Left   int  // members of the cgroup, the init included
	Dying  bool // the init is on its way out: signals.Task.Dying
	Frozen bool // the cgroup is frozen: no signal acts before it is thawed
	// Verdict is what Plan.Signal will do to the init, predicted. It is looked at on the first rung only.
	Verdict signals.Answer
}

// gone reports whether nothing is left. With a PID namespace of its own that
// is when the init has ended; without one the others may live on.
func (v View) gone() bool { return v.Ended && v.Left == 0 }

// A Rung is a step of the ladder.
type Rung uint8

// The rungs, in order. A ladder ends on Gone or GaveUp.
const (
	Start    Rung = iota
	Asked         // the stop signal is sent, and the grace runs
	Killed        // SIGKILL is sent
	Draining      // the init is dying, or has been killed, and something holds it up
	Gone          // nothing is left
	GaveUp        // the limit is over; what is left stays
)

var rungs = [...]string{"start", "asked", "killed", "draining", "gone", "gave up"}

// String is the rung in a word or two.
func (r Rung) String() string { return rungs[r] }

// A Step is one rung as it was climbed.
type Step struct {
	Rung Rung
	At   time.Duration // since the ladder began
	View View
}

// An Event wakes the ladder. Every one brings a fresh View, so that it does
// not matter which of two that come together is seen first.
type Event struct {
	At      time.Duration // since the ladder began
	Timeout bool          // the time of the last Wait is over; else something has changed
	View    View
}

// A Ladder is a stop under way. The zero value of all but Plan is its start.
type Ladder struct {
	Plan  Plan
	Steps []Step // what has happened, in order
	rung  Rung
	limit time.Duration // when to give up; set once the init is to die

	leaving bool // the init has been seen to die while the grace ran
}

// Rung is where the ladder stands.
func (l *Ladder) Rung() Rung { return l.rung }

// Done reports whether there is nothing more to do.
func (l *Ladder) Done() bool { return l.rung >= Gone }

// Next takes an event and says what to do, in order. The first event is
// what the driver sees at the beginning.
func (l *Ladder) Next(e Event) []Do {
	switch {
	case l.Done():
		return nil
	case e.View.gone():
		l.climb(Gone, e)
		return nil
	}
	switch l.rung {
	case Start:
		return l.start(e)
	case Asked:
		return l.asked(e)
	case Killed:
		return l.killed(e)
	}
	return l.draining(e)
}

// start skips what is in vain: a signal that the init ignores, when the user
// is in a hurry, and any signal when the init is dying already.
func (l *Ladder) start(e Event) []Do {
	switch {
	case e.View.Ended:
		return l.finish(e)
	case e.View.Dying:
		return l.drain(e)
	case l.Plan.Signal == sigkill || l.Plan.Blank:
		return l.kill(e)
	case l.Plan.Fast && l.Plan.Grace != Never && e.View.Verdict.Useless():
		return l.kill(e)
	}
	return l.ask(e)
}

// ask thaws after the signal is queued, so that it is the first thing that
// the container sees. It is sent also where it will be ignored: the init may
// install a handler while the grace runs.
func (l *Ladder) ask(e Event) []Do {
	l.climb(Asked, e)
	do := []Do{{Act: Send, Signal: l.Plan.Signal}}
	if e.View.Frozen {
		do = append(do, Do{Act: Thaw})
	}
	return append(do, wait(l.Plan.Grace))
}

// asked waits for the grace. An init that has begun to die is left alone for
// a moment, for as a rule it is gone by then. One without a PID namespace of
// its own may end and leave others: they were not asked, and nobody waits for them.
func (l *Ladder) asked(e Event) []Do {
	switch {
	case e.View.Ended:
		return l.finish(e)
	case e.Timeout && e.View.Dying:
		return l.drain(e)
	case e.Timeout:
		return l.finish(e)
	case e.View.Dying && !l.leaving:
		l.leaving = true
		return []Do{wait(patience)}
	}
	return nil
}

// finish goes on to SIGKILL, unless the user wants none.
func (l *Ladder) finish(e Event) []Do {
	if l.Plan.Grace == Never {
		return l.drain(e)
	}
	return l.kill(e)
}

// kill ends everything. On v1 a frozen process dies only when it is thawed.
func (l *Ladder) kill(e Event) []Do {
	l.climb(Killed, e)
	l.limit = e.At + l.Plan.Limit
	do := []Do{{Act: Kill}}
	if e.View.Frozen {
		do = append(do, Do{Act: Thaw})
	}
	return append(do, wait(min(patience, l.Plan.Limit)))
}

func (l *Ladder) killed(e Event) []Do {
	if !e.Timeout {
		return nil
	}
	return l.drain(e)
}

// drain asks who holds the init up. When the init has begun to die by itself,
// its end kills the others of its namespace (zap_pid_ns_processes), so there
// is no more use in a grace, or in a signal.
func (l *Ladder) drain(e Event) []Do {
	l.climb(Draining, e)
	if l.limit == 0 {
		l.limit = e.At + l.Plan.Limit
	}
	do := []Do{{Act: Name}}
	if e.View.Frozen {
		do = append(do, Do{Act: Thaw})
	}
	return append(do, wait(max(l.limit-e.At, 0)))
}

func (l *Ladder) draining(e Event) []Do {
	switch {
	case e.Timeout:
		l.climb(GaveUp, e)
		return []Do{{Act: Name}}
	case e.View.Ended && !l.has(Killed) && l.Plan.Grace != Never:
		return l.kill(e) // what it has left behind
	}
	return nil
}

func (l *Ladder) climb(r Rung, e Event) {
	l.rung = r
	l.Steps = append(l.Steps, Step{Rung: r, At: e.At, View: e.View})
}

// has reports whether the ladder has climbed a rung.
func (l *Ladder) has(r Rung) bool {
	_, ok := l.step(r)
	return ok
}
