package runtime

import "golang.org/x/sys/unix"

// Kill sends a signal to the init of a container, or with all to every
// process in its cgroup. SIGKILL thaws a paused container, so that it takes
// effect, and when the PID namespace is not the container's own it always goes
// to all, because nothing else would end the children.
//
// With all, Kill succeeds on a stopped container, and reaches what an init
// without a PID namespace of its own has left behind. The errors are
// ErrNotExist, ErrNotRunning, ErrCreating, or those of system calls.
func (rt *Runtime) Kill(id string, sig unix.Signal, all bool) error {
	r, err := rt.Store.Load(id)
	if err != nil {
		return err
	}
	p, err := openInit(r)
	if err != nil {
		return err
	}
	defer p.close()
	rt.observed(p, "kill")
	whole := all || sig == unix.SIGKILL && !r.OwnPidNS
	if err := mayKill(p, all, whole); err != nil {
		return err
	}
	if whole && sig != unix.SIGKILL && len(r.Cgroups) == 0 && p.seen.alive() {
		return errNoCgroup
	}
	rt.reportStop(p, sig)
	return p.kill(sig, whole)
}

// mayKill consults the table. A container without a PID namespace of its own
// is stopped when its init is, and yet not over while its cgroup has members.
func mayKill(p *initProc, all, whole bool) error {
	act := actKill
	if all {
		act = actKillAll
	}
	err := refuse(act, statusOf(p.r, p.seen), p.r.ID)
	if err != ErrNotRunning || !whole {
		return err
	}
	left, cause := members(p.r)
	if cause != nil {
		return cause
	}
	if len(left) > 0 {
		return nil
	}
	return err
}

// kill signals the init and, if the whole container is meant, the others.
func (p *initProc) kill(sig unix.Signal, whole bool) error {
	err := p.signal(sig)
	if err == errGone && !whole {
		return ErrNotRunning
	}
	if err != nil && err != errGone {
		return err
	}
	switch {
	case whole && sig == unix.SIGKILL:
		p.told.Say("kill: SIGKILL to every process of the cgroup")
		return killGroup(p.r)
	case whole:
		p.told.Signal(int(sig), 0, "kill --all, by pidfd_send_signal to each process of the cgroup")
		return signalOthers(p.r, sig)
	case sig == unix.SIGKILL:
		return thaw(p.r)
	}
	return nil
}
