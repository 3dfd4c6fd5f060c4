package runtime

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// deletePatience is how long delete waits for processes to end after SIGKILL.
const deletePatience = 10 * time.Second

// Delete removes a container that is stopped, or that was created and never
// started, and with force also one that is alive, after a SIGKILL. Whatever
// fails on the way leaves a container that Delete with force can be asked to
// delete again. With force, an id that does not exist is a success.
//
// The errors are ErrNotExist, a NotStoppedError, a LockedError when another
// verb is at work, or those of system calls; a process that does not end within
// 10 s is named.
func (rt *Runtime) Delete(id string, force bool) error {
	d, err := rt.Store.Lock(id)
	if err == nil {
		defer d.Close()
		err = rt.deleteLocked(d, id, force)
	}
	if err == ErrNotExist && force {
		_, err = rt.Store.Names() // removes what creates that were killed have left
		if !rt.KeepExit {
			err = errors.Join(err, rt.Store.dropExit(id))
		}
	}
	return err
}

func (rt *Runtime) deleteLocked(d *Dir, id string, force bool) error {
	r, err := d.Record()
	if err != nil {
		return rt.deleteUnrecorded(d, err, force)
	}
	p, err := openInit(r)
	if err != nil {
		return err
	}
	defer p.close()
	rt.observed(p, "delete")
	if err := p.look(); err != nil {
		return err
	}
	act := actDelete
	if force {
		act = actDeleteForce
	}
	if err := refuse(act, statusOf(r, p.seen), id); err != nil {
		return err
	}
	rt.reportStop(p, unix.SIGKILL)
	return rt.destroyInit(d, p)
}

// deleteUnrecorded removes a directory that says nothing of its container:
// that of a create which was killed before it had made anything, or, with
// force only, one whose record is damaged.
func (rt *Runtime) deleteUnrecorded(d *Dir, cause error, force bool) error {
	if cause != ErrNotExist {
		if !force {
			return cause
		}
		rt.warn(fmt.Sprintf("removed the record only, processes and cgroups may be left: %v", cause))
		cause = nil
	}
	if err := d.Remove(); err != nil {
		return err
	}
	return cause
}

// destroy ends what is left of a container and removes its traces. It is for
// those who hold the lock: delete, a create that has failed, a run that is over.
func (rt *Runtime) destroy(d *Dir, r *Record) error {
	p, err := openInit(r)
	if err != nil {
		return err
	}
	defer p.close()
	return rt.destroyInit(d, p)
}

// destroyInit goes from the inside out, and each step can be repeated: the
// processes, the cgroups, the hooks, and last the record by which the others
// are found. The spec wants poststop hooks to fail with a warning only.
func (rt *Runtime) destroyInit(d *Dir, p *initProc) error {
	deadline := time.Now().Add(deletePatience)
	watched := p.seen.alive()
	if err := endInit(p, deadline); err != nil {
		return err
	}
	if err := endGroup(p.r, deadline); err != nil {
		return err
	}
	fault("ended")
	return rt.forget(d, p, watched)
}

// forget removes the traces of a container of which no process is left. The
// counters of the exit record go with the cgroup.
func (rt *Runtime) forget(d *Dir, p *initProc, watched bool) error {
	r := p.r
	p.told.Say("removes the cgroup and the container's directory")
	if err := rt.settleExit(d, p, watched); err != nil {
		rt.warn(fmt.Sprintf("exit record: %v", err))
	}
	if err := deleteResctrl(r); err != nil {
		return err
	}
	if err := deleteGroup(r); err != nil {
		return err
	}
	fault("ungrouped")
	if err := rt.runPoststop(r); err != nil {
		rt.warn(fmt.Sprintf("poststop: %v", err))
	}
	return d.Remove()
}
