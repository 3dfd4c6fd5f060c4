package runtime

import (
	"cmp"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// A Prospect is what will come of a signal to the init of a container.
type Prospect struct {
	Useless bool   // nothing will, whatever happens next
	Warning string // why not, and what to do instead; "" when something comes of it
	Reason  string // the kernel's rule in one line
}

// Text is the prospect in one line.
func (p Prospect) Text() string { return cmp.Or(p.Warning, p.Reason) }

const notStarted = " does nothing: the container was created and not started, so that no program is there to heed it; KILL or delete ends it"

// prospect predicts. kill(2) succeeds whatever the kernel does with the signal.
func prospect(id string, init signals.Task, sig int) Prospect {
	if sig == 0 {
		return Prospect{Reason: "signal 0 is not sent: the process is there"}
	}
	v := signals.Verdict(init.Question(sig, signals.Kill, false))
	name := signals.Name(sig)
	p := Prospect{Reason: name + " " + v.Reason}
	switch {
	case v.Cause == signals.AlreadyDying:
		p.Useless, p.Warning = true, name+" changes nothing: "+because(v)
	case v.TracerFirst:
		p.Warning = name + " goes to the tracer " + processOf(init.TracerPid).String() + " first, which may keep it"
	case v.Action == signals.Pending && !v.Useless():
		p.Warning = name + " waits until PID 1 unblocks it: " + because(v)
	case v.Useless() && (sig != int(unix.SIGCONT) || init.State != 'T'): // SIGCONT resumes also where it is ignored
		p.Useless, p.Warning = true, name+" does nothing: "+because(v)+"; "+instead(id, sig)
	}
	return p
}

// whilePaused corrects it for a container that is frozen: what is queued takes
// effect when it is resumed. Kill thaws it for SIGKILL itself.
func (p Prospect) whilePaused(frozen bool, id string, sig int) Prospect {
	if frozen && p.Warning == "" && sig != 0 && sig != int(unix.SIGKILL) {
		p.Warning = signals.Name(sig) + " waits: the container is paused; minirun resume " + id + " lets it be heard"
	}
	return p
}

// because is the reason without the action, which it begins with.
func because(v signals.Answer) string {
	_, reason, _ := strings.Cut(v.Reason, ": ")
	return reason
}

// instead is the shortest way to what the user may have wanted.
func instead(id string, sig int) string {
	if ends(sig) {
		return "minirun stop --fast " + id + " ends it; run --init gives it a PID 1 that passes signals on"
	}
	return "the program has to install a handler for it"
}

// ends tells whether a signal is one by which people ask a program to end.
func ends(sig int) bool {
	switch unix.Signal(sig) {
	case unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT, unix.SIGTERM:
		return true
	}
	return false
}
