package runtime

import (
	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// KillWarning predicts what a signal to the init of a container will come
// to, for the user of kill: a warning in one line, or "" when there is nothing
// to warn of. It is to be asked before the signal is sent, as that may change
// what there is to see. The errors are Kill's to report, so here they are "".
func (rt *Runtime) KillWarning(id string, sig unix.Signal) string {
	if p, err := rt.foresee(id, int(sig)); err == nil {
		return p.Warning
	}
	return ""
}

// KillCheck predicts the same for who only wants to know. The errors are
// ErrNotExist, ErrNotRunning, or those of system calls.
func (rt *Runtime) KillCheck(id string, sig unix.Signal) (Prospect, error) {
	return rt.foresee(id, int(sig))
}

func (rt *Runtime) foresee(id string, sig int) (Prospect, error) {
	p, err := rt.openAlive(id)
	if err != nil {
		return Prospect{}, err
	}
	defer p.close()
	init, err := p.signals()
	if err != nil {
		return Prospect{}, err
	}
	if blank, err := isImage(p.r); err == nil && blank && ends(sig) {
		return Prospect{Useless: true, Warning: signals.Name(sig) + notStarted}, nil
	}
	frozen, err := isFrozen(p.r)
	if err != nil {
		return Prospect{}, err
	}
	return prospect(id, init, sig).whilePaused(frozen, id, sig), nil
}
