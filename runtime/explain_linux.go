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
	p, err := rt.openAlive(id)
	if err != nil {
		return ""
	}
	defer p.close()
	init, err := p.signals()
	if err != nil {
		return ""
	}
	if blank, err := isImage(p.r); err == nil && blank && ends(int(sig)) {
		return signals.Name(int(sig)) + " does nothing: the container was created and not started, so that no program is there to heed it; KILL or delete ends it"
	}
	return warning(id, init, int(sig))
}
