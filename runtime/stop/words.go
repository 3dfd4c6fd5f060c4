package stop

import (
	"strconv"
	"time"

	"minirun/runtime/signals"
)

// An Exit is how the init of a container has ended: by a signal, or with a code.
type Exit struct {
	Signal int // 0: it exited
	Code   int // of an exit
	OOM    bool
}

// Number is the exit as shells and engines give it: the code, or 128+n for signal n.
func (x Exit) Number() int {
	if x.Signal != 0 {
		return 128 + x.Signal
	}
	return x.Code
}

// Words is a step in one line, for people.
func (l *Ladder) Words(s Step) string {
	switch s.Rung {
	case Asked:
		return l.askedWords(s.View.Verdict)
	case Killed:
		return "SIGKILL: " + l.whyKilled()
	case Draining:
		return "draining: the init is dying, and something holds it up"
	case GaveUp:
		return "gave up: " + strconv.Itoa(s.View.Left) + " processes are left after " + l.Plan.Limit.String()
	}
	return s.Rung.String()
}

func (l *Ladder) askedWords(v signals.Answer) string {
	s := signals.Name(l.Plan.Signal) + ": predicted " + v.Reason
	if v.Useless() {
		s += "; the grace is in vain"
	}
	return s
}

// whyKilled says what led to SIGKILL.
func (l *Ladder) whyKilled() string {
	asked, wasAsked := l.step(Asked)
	killed, _ := l.step(Killed)
	switch {
	case killed.View.Ended:
		return "the init has ended and left others"
	case wasAsked && asked.View.Verdict.Useless():
		return signals.Name(l.Plan.Signal) + " was " + asked.View.Verdict.Reason
	case wasAsked:
		return "still there after " + (killed.At - asked.At).Round(time.Millisecond).String()
	case l.Plan.Blank:
		return "no program runs that could be asked"
	case l.Plan.Signal != sigkill:
		return signals.Name(l.Plan.Signal) + " would be " + killed.View.Verdict.Reason + "; there is nothing to wait for"
	}
	return "as asked for"
}

// Why says why the exit is what it is: whose signal it was, and why 137 and not 143.
func (l *Ladder) Why(x Exit) string {
	n := strconv.Itoa(x.Number()) + ": "
	name := signals.Name(l.Plan.Signal)
	_, killed := l.step(Killed)
	switch {
	case x.Signal == sigkill && x.OOM:
		return n + "the kernel killed it for want of memory"
	case x.Signal == sigkill && killed:
		return n + "ended by stop's SIGKILL (" + l.whyKilled() + ")"
	case x.Signal == sigkill:
		return n + "ended by a SIGKILL that was not stop's"
	case x.Signal != 0:
		return n + "ended by " + signals.Name(x.Signal)
	case x.Code == 128+l.Plan.Signal:
		return n + "it took " + name + " and exited with 128+" + strconv.Itoa(l.Plan.Signal) + " itself"
	case x.Code == 128+sigkill:
		return n + "it exited so itself, as a shell does whose child was killed by SIGKILL"
	}
	return n + "it exited so itself"
}

// step finds a rung among the steps.
func (l *Ladder) step(r Rung) (Step, bool) {
	for _, s := range l.Steps {
		if s.Rung == r {
			return s, true
		}
	}
	return Step{}, false
}
