package runtime

import (
	"strings"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// warning says that the kernel will drop a signal to the init of a container,
// why, and what to do instead; "" when something comes of it. kill(2)
// succeeds in either case.
func warning(id string, init signals.Task, sig int) string {
	v := signals.Verdict(init.Question(sig, signals.Kill, false))
	name := signals.Name(sig)
	switch {
	case sig == 0:
		return ""
	case v.Cause == signals.AlreadyDying:
		return name + " changes nothing: " + because(v)
	case v.TracerFirst:
		return name + " goes to the tracer " + processOf(init.TracerPid).String() + " first, which may keep it"
	case v.Action == signals.Pending && !v.Useless():
		return name + " waits until PID 1 unblocks it: " + because(v)
	case !v.Useless() || sig == int(unix.SIGCONT) && init.State == 'T':
		return "" // SIGCONT resumes also where it is ignored
	}
	return name + " does nothing: " + because(v) + "; " + instead(id, sig)
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
