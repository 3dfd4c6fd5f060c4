package runtime

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/session"
)

// ObserveOptions are the flags of observe.
type ObserveOptions struct {
	ID     string
	Source string        // auto, bpf, tracefs or proc
	For    time.Duration // how long; 0: until the container ends
	Verb   bool          // until the verb ends that has started this
	To     io.Writer     // gets the timeline: text and json while it happens
	Format observe.Format
	// Begun hears which source it is, and why no better one, when nothing will be missed any more.
	Begun func(source string, skipped []string)
	// Interrupt ends the observation when it is closed.
	Interrupt <-chan struct{}
}

// Observe attaches to a container and writes what happens until its end,
// the end of the time, or an interrupt. The errors are ErrNotExist,
// ErrNotRunning, an *observe.Unavailable of the source that is asked for, or
// those of system calls; what had happened by then is written too.
func (rt *Runtime) Observe(o ObserveOptions) error {
	p, err := rt.openAlive(o.ID)
	if err != nil {
		return err
	}
	defer p.close()
	if !p.r.OwnPidNS {
		return errNotObservable
	}
	s, err := o.open()
	if err != nil {
		return err
	}
	t := session.Target{Dir: rt.Store.dir(o.ID), Pid: p.r.Pid, Cgroups: groupDirs(p.r.Cgroups), Running: true, PidNS: p.r.PidNS}
	if err := s.Attach(t, p.pidfd); err != nil {
		return errors.Join(err, s.Close())
	}
	if o.Begun != nil {
		o.Begun(s.Origin().String(), s.Skipped())
	}
	return o.watch(s)
}

// open loads the source.
func (o ObserveOptions) open() (*session.Session, error) {
	s, err := session.Open(o.ID, o.Source)
	if err == nil {
		s.WriteTo(o.To, o.Format)
	}
	return s, err
}

// ObserveFor is the observer that another verb has started. Nothing is written
// if that has never had a container: session.ErrNothing.
func (o ObserveOptions) ObserveFor(b *session.Background) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	t, err := b.Target(s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	pidfd, err := unix.PidfdOpen(t.Pid, 0)
	if err != nil {
		return errors.Join(fmt.Errorf("pidfd_open process %d: %w", t.Pid, err), s.Close())
	}
	defer unix.Close(pidfd)
	if err = s.Attach(t, pidfd); err == nil {
		err = b.Ready(s)
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return o.watch(s)
}

// watch is the observation itself.
func (o ObserveOptions) watch(s *session.Session) error {
	until := session.Until{Verb: o.Verb}
	if o.For > 0 {
		until.Time = time.Now().Add(o.For)
	}
	done := make(chan struct{})
	rung := make(chan struct{})
	go func() {
		defer close(rung)
		select {
		case <-o.Interrupt:
			s.Interrupt()
		case <-done:
		}
	}()
	err := s.Watch(until)
	close(done)
	<-rung
	_, last := s.Timeline()
	return errors.Join(err, last, s.Close())
}
