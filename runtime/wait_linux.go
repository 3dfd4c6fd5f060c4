package runtime

import (
	"errors"
	"fmt"
	"time"
)

// The errors of Wait.
var (
	ErrExitUnknown = errors.New("the exit status is not known: nobody who could tell was there when the container ended")
	ErrStillRuns   = errors.New("the container has not ended")
)

// WaitForever as the time of Wait is no limit.
const WaitForever time.Duration = -1

// Wait waits until the init of a container has ended, and says how. It need
// not be the parent: a pidfd that was opened before tells it, whoever has
// reaped the init. Of a container that has stopped, or was removed with
// KeepExit, the exit record tells.
//
// The errors are ErrNotExist, ErrCreating, ErrStillRuns after limit,
// ErrExitUnknown, or those of system calls.
func (rt *Runtime) Wait(id string, limit time.Duration) (*ExitRecord, error) {
	d, r, err := rt.Store.peek(id)
	if err == ErrNotExist {
		return rt.Store.recall(id)
	}
	if err != nil {
		return nil, err
	}
	defer d.release()
	p, err := openInit(r)
	if err != nil {
		return nil, err
	}
	defer p.close()
	watched := p.seen.alive()
	if err := rt.waitEnd(p, limit); err != nil {
		return nil, err
	}
	return rt.exitOf(d, p, watched)
}

// recall finds the record of a container that was removed.
func (s Store) recall(id string) (*ExitRecord, error) {
	e, err := s.keptExit(id)
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, ErrNotExist
	case !e.Known():
		return nil, ErrExitUnknown
	}
	return e, nil
}

// waitEnd waits for the last thread of the init.
func (rt *Runtime) waitEnd(p *initProc, limit time.Duration) error {
	status, err := rt.Store.statusSeen(p)
	if err != nil {
		return err
	}
	if status == Creating {
		return ErrCreating
	}
	if !p.seen.alive() {
		return nil
	}
	ended, err := p.awaitEnd(limit)
	if err != nil {
		return err
	}
	if !ended {
		return fmt.Errorf("%w after %v", ErrStillRuns, limit)
	}
	p.seen.Ended = true
	return nil
}

func (p *initProc) awaitEnd(limit time.Duration) (bool, error) {
	if limit != WaitForever {
		return pollUntil(readable(p.pidfd), time.Now().Add(limit))
	}
	err := poll(readable(p.pidfd))
	return err == nil, err
}

// exitOf learns how an init has ended and makes that durable. The status comes
// before the lock, which a delete may hold.
func (rt *Runtime) exitOf(d *Dir, p *initProc, watched bool) (*ExitRecord, error) {
	e, err := learnExit(d, p, watched)
	if err != nil {
		return nil, err
	}
	if !e.Known() {
		return rt.lastHope(d, p)
	}
	err = d.unlessRemoved(p.r.ID, func() error { return d.save(e) })
	var locked *LockedError
	if errors.As(err, &locked) { // stuck with the lock; the status is known all the same
		rt.warn(fmt.Sprintf("the exit record is not saved: %v", err))
		err = nil
	}
	return e, err
}

// lastHope is a record that another verb has written since ours was looked
// for, or has kept.
func (rt *Runtime) lastHope(d *Dir, p *initProc) (*ExitRecord, error) {
	e, err := d.exit()
	if err == nil && (e == nil || !e.Known()) {
		e, err = rt.Store.keptExit(p.r.ID)
	}
	switch {
	case err != nil:
		return nil, err
	case e == nil || !e.Known() || !e.of(p.r):
		return nil, ErrExitUnknown
	}
	return e, nil
}
