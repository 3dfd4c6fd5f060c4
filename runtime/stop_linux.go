package runtime

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe/session"
	"minirun/runtime/signals"
	"minirun/runtime/stop"
)

// Stop ends a container: stop signal, grace, SIGKILL, and then it waits until
// nothing is left. It says what will come of the signal before it sends it, and
// what holds things up. A container that has stopped is a success.
//
// Stop takes no lock that another verb may hold for long, and returns within
// Grace + Limit, unless Grace is stop.Never, which leaves the end to the init.
// The errors are ErrNotExist, ErrCreating, ErrGaveUp, or those of system calls.
func (rt *Runtime) Stop(id string, o StopOptions) (*ExitRecord, error) {
	d, r, err := rt.Store.peek(id)
	if err != nil {
		return nil, err
	}
	defer d.release()
	var observer *session.Observer
	if o.Observe != "" {
		if observer, err = rt.startObserver(o.Observe, id, true); err != nil {
			return nil, err
		}
		defer rt.finished(observer)
	}
	p, err := openInit(r)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := rt.observeVerb(observer, p); err != nil {
		return nil, err
	}
	rt.observed(p, "stop")
	s := &stopping{rt: rt, dir: d, init: p, options: o, begun: time.Now(), watch: watch{init: p}, watched: p.seen.alive()}
	defer s.watch.close()
	return s.run()
}

// stopping is a stop under way: the driver of a stop.Ladder.
type stopping struct {
	rt      *Runtime
	dir     *Dir
	init    *initProc
	options StopOptions
	begun   time.Time
	ladder  stop.Ladder
	told    int // steps of the ladder that were reported
	watch   watch
	dying   bool      // the init is, or has ended
	watched bool      // the init was alive when this began
	wake    time.Time // when the ladder wants to hear of a timeout
	endless bool      // it does not
	intent  Intent
	named   []Blocker
}

func (s *stopping) run() (*ExitRecord, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	for timeout := false; ; {
		view, err := s.look()
		if err != nil {
			return nil, err
		}
		s.tellDeaths()
		do := s.ladder.Next(stop.Event{At: s.now(), Timeout: timeout, View: view})
		s.tellSteps()
		if err := s.obey(do); err != nil {
			return nil, err
		}
		if s.ladder.Done() {
			return s.finish()
		}
		if timeout, err = s.watch.wait(s.wake, s.endless); err != nil {
			return nil, err
		}
	}
}

// prepare decides on the plan and says what will come of it.
func (s *stopping) prepare() error {
	status, err := s.rt.Store.statusSeen(s.init)
	if err != nil {
		return err
	}
	if status == Creating {
		return ErrCreating
	}
	sig, complaint := stopSignal(s.options.Signal, s.init.r.Annotations)
	if complaint != "" {
		s.rt.warn(complaint)
	}
	s.ladder.Plan = stopPlan(s.options, sig, status)
	task, err := s.init.signals()
	if err != nil && err != ErrNotRunning {
		return err
	}
	var verdict signals.Answer
	if err == nil {
		verdict = s.predict(task)
	}
	if note := stopNote(s.ladder.Plan, status, task, verdict); note != "" {
		s.tell(StopEvent{What: "note", Text: note})
	}
	return nil
}

// look is what the ladder wants to know, by one look at everything.
func (s *stopping) look() (v stop.View, err error) {
	if err := s.watch.arm(); err != nil {
		return v, err
	}
	if err := s.lookAtInit(&v); err != nil {
		return v, err
	}
	left, err := members(s.init.r)
	if err != nil {
		return v, err
	}
	v.Left = len(left)
	if v.Frozen, err = isFrozen(s.init.r); err != nil {
		return v, err
	}
	return v, errors.Join(s.watch.follow(left), s.watch.note())
}

func (s *stopping) lookAtInit(v *stop.View) error {
	task, err := s.init.signals()
	if err == ErrNotRunning && s.init.pidfd >= 0 { // reaped under the reader, it may be
		err = s.init.checkEnded()
	}
	if err != nil && err != ErrNotRunning {
		return err
	}
	v.Ended = !s.init.seen.alive()
	v.Dying = v.Ended || task.Dying()
	s.dying = v.Dying
	v.Verdict = s.predict(task)
	return nil
}

func (s *stopping) predict(init signals.Task) signals.Answer {
	return signals.Verdict(init.Question(s.ladder.Plan.Signal, signals.Kill, false))
}

// obey carries out what the ladder says.
func (s *stopping) obey(list []stop.Do) error {
	for _, do := range list {
		var err error
		switch do.Act {
		case stop.Send:
			s.mark(func(i *Intent) { i.Signal = do.Signal })
			err = goneIsFine(s.init.signal(unix.Signal(do.Signal)))
		case stop.Kill:
			err = s.kill()
		case stop.Thaw:
			s.init.told.Say("stop: thaws the cgroup")
			err = thaw(s.init.r)
		case stop.Name:
			err = s.name()
		case stop.Wait:
			s.endless = do.For == stop.Never
			s.wake = time.Now().Add(do.For)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kill ends the init, whose end kills the others of its PID namespace. Without
// one of its own, and for what an init has left, it takes the cgroup.
func (s *stopping) kill() error {
	s.mark(func(i *Intent) { i.Killed, i.OOMKills = true, killsSoFar(s.init.r) })
	err := s.init.signal(unix.SIGKILL)
	if err == nil && s.init.r.OwnPidNS {
		return nil
	}
	s.init.told.Say("stop: SIGKILL to every process of the cgroup")
	return errors.Join(goneIsFine(err), killGroup(s.init.r))
}

// mark notes what is about to be done. That it cannot be noted is no reason
// not to do it.
func (s *stopping) mark(change func(*Intent)) {
	change(&s.intent)
	if err := s.dir.note(s.intent); err != nil {
		s.rt.warn(fmt.Sprintf("the exit record will not name stop: %v", err))
	}
}

// name finds out who holds things up. After a SIGKILL it also frees whom
// minirun may: a process that is frozen in a cgroup below the container's.
func (s *stopping) name() error {
	s.named = causes(blockers(s.init.r), s.init.r.Pid)
	const most = 20
	for i := range s.named[:min(most, len(s.named))] {
		b := &s.named[i]
		text := b.String()
		if advice := b.Advice(); advice != "" {
			text += "; " + advice
		}
		s.tell(StopEvent{What: "blocker", Text: "blocked by " + text, Blocker: b})
	}
	if more := len(s.named) - most; more > 0 {
		s.tell(StopEvent{What: "note", Text: fmt.Sprintf("and by %d more", more)})
	}
	if s.intent.Killed && !s.ladder.Done() {
		return killGroup(s.init.r)
	}
	return nil
}

// finish learns the exit status, saves it, and explains it.
func (s *stopping) finish() (*ExitRecord, error) {
	if s.ladder.Rung() == stop.GaveUp {
		return nil, fmt.Errorf("%w after %v: %s", ErrGaveUp, s.now().Round(time.Millisecond), blockersText(s.named, s.init.r.Pid))
	}
	var e *ExitRecord
	err := s.dir.unlessRemoved(s.init.r.ID, func() (err error) {
		if e, err = s.learn(); err != nil || e == nil {
			return err
		}
		return s.dir.save(e)
	})
	if e == nil && err == nil { // removed by a delete, or by its run
		e, err = s.learn()
	}
	if err == nil && e != nil && s.rt.KeepExit {
		err = s.rt.Store.keepExit(e)
	}
	s.tell(StopEvent{What: "exit", Text: s.why(e), Exit: e})
	return e, err
}

// learn is nil for a container that never had a process.
func (s *stopping) learn() (*ExitRecord, error) {
	if s.init.r.Pid == 0 {
		return nil, nil
	}
	e, err := learnExit(s.dir, s.init, s.watched)
	if err == nil && e.Stopped == (Intent{}) && s.intent != (Intent{}) && e.Known() {
		// The note of what stop did could not be written.
		e.Stopped = s.intent
		e.Reason = reasonOf(e.Status, s.intent, oomKills(e.Memory))
	}
	return e, err
}

// why explains the exit by the ladder, which knows more than the record when
// it was this stop that ended the init.
func (s *stopping) why(e *ExitRecord) string {
	switch {
	case e == nil:
		return "no process was ever started"
	case !e.Known() || s.intent == (Intent{}):
		return e.Words()
	}
	x := stop.Exit{OOM: e.OOM()}
	if e.Status.Signaled() {
		x.Signal = int(e.Status.Signal())
	} else {
		x.Code = e.Status.ExitStatus()
	}
	return s.ladder.Why(x)
}

func (s *stopping) now() time.Duration { return time.Since(s.begun) }

func (s *stopping) tell(e StopEvent) {
	e.At = s.now()
	s.say(e)
}

func (s *stopping) say(e StopEvent) {
	if s.options.Tell != nil {
		s.options.Tell(e)
	}
}

// tellDeaths reports who has ended since the last time, and how.
func (s *stopping) tellDeaths() {
	for _, m := range s.watch.deaths() {
		how, zapped := "", false
		if status, ok, _ := endStatus(m.pidfd, m.Pid, m.start); ok {
			how = statusText(status)
			zapped = s.init.r.OwnPidNS && m.Pid != s.init.r.Pid && s.dying && status.Signaled() && status.Signal() == unix.SIGKILL
		}
		s.say(StopEvent{At: m.ended.Sub(s.begun), What: "died", Text: deathText(m.Process, m.inside, how, zapped), Process: m.Process, Inside: m.inside})
	}
}

// tellSteps reports the rungs that were climbed since the last time.
func (s *stopping) tellSteps() {
	for ; s.told < len(s.ladder.Steps); s.told++ {
		step := s.ladder.Steps[s.told]
		text := rungText(&s.ladder, step)
		s.rung(step.Rung, text)
		s.say(StopEvent{At: step.At, What: step.Rung.String(), Text: text})
	}
}

// rung begins a section of the timelines of those who observe.
func (s *stopping) rung(r stop.Rung, text string) {
	s.init.rung("stop: "+r.String(), text, s.init.r.OwnPidNS && r < stop.Gone)
}
