package observe

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// A Line is an entry in words, the same for every writer. Names in it are clean.
type Line struct {
	Who   string // who acts
	Arrow string // the signal on its way from Who to Whom, or empty
	Whom  string
	What  string // what happens, or what came of the signal
	Mood  Mood
}

// Mood is how a line bears on the container, for its colour.
type Mood uint8

// The moods.
const (
	Plain   Mood = iota
	Quiet        // life goes on: forks, executions
	Vain         // a signal of which nothing comes
	Taken        // a signal that runs a handler, or waits for one that will take it
	Deadly       // a signal that ends, or an end by one
	Leaving      // an exit by itself
	Ours         // minirun's doing
)

var moods = [...]string{"plain", "quiet", "vain", "taken", "deadly", "leaving", "ours"}

// String is the class of a line.
func (m Mood) String() string { return moods[m] }

// Line is the words of an entry, and of those that are folded into it.
func (e *Entry) Line() Line {
	l := Line{Who: e.Who.name(&e.Task)}
	switch e.Kind {
	case Fork:
		l.What, l.Mood = "forks "+e.Whom.name(&e.Target), Quiet
	case Exec:
		l.What, l.Mood = "executes "+program(&e.Event), Quiet
	case Exit:
		e.exitLine(&l)
	case Ended, Reap, Free:
		e.goneLine(&l)
	case Generate:
		e.signalLine(&l)
	case Deliver:
		l.What, l.Mood = "takes "+signals.Name(int(e.Signal))+": "+delivered(e), mood(e.Outcome)
	case OOM:
		l.What, l.Mood = "out of memory: "+e.Whom.name(&e.Target)+" is to die", Deadly
	case Census:
		l.Who, l.What, l.Mood = "census", e.census(), Quiet
	default:
		e.otherLine(&l)
	}
	return l
}

// program is what was executed, by its path where the source tells that, and
// by its name where the path does not: through /proc/self/exe or a descriptor.
func program(e *Event) string {
	name := Clean(e.Task.Name())
	switch path := Clean(e.Text); {
	case path == "":
		return name
	case strings.HasSuffix(path, "/"+name):
		return path
	default:
		return name + " (" + path + ")"
	}
}

func (e *Entry) goneLine(l *Line) {
	switch {
	case e.tells:
		e.exitLine(l)
	case e.Kind == Ended:
		l.What = "is gone: its status can be read"
	default:
		l.What = "is reaped"
	}
}

func (e *Entry) otherLine(l *Line) {
	switch e.Kind {
	case Attach:
		l.What, l.Mood = "joins cgroup "+Clean(e.Text), Quiet
	case Populated:
		l.Who, l.What = "", "the cgroup is empty"
		if e.Result != 0 {
			l.What = "the cgroup has its first process"
		}
	case Lost:
		l.Who, l.What, l.Mood = "", strconv.FormatUint(e.Count, 10)+" events are lost", Deadly
	case Mark, Rung:
		l.What, l.Mood = e.said(), Ours
		if l.Who == "" {
			l.Who = "minirun"
		}
	}
}

// said is what minirun said. The heading of a section has its first words,
// which may begin as the heading ends.
func (e *Entry) said() string {
	text := Clean(e.Text)
	if e.Kind != Rung || e.Pair == nil {
		return text
	}
	more := Clean(e.Pair.Text)
	before, last, _ := strings.Cut(text, ": ")
	if rest, ok := strings.CutPrefix(more, last); ok {
		return before + ": " + last + rest
	}
	return text + "; " + more
}

// name is a process as it was called then.
func (p *Process) name(task *Task) string {
	if p == nil {
		return ""
	}
	return p.label(task.Name())
}

// signalLine has the kernel as the sender where the task that ran was there by chance.
func (e *Entry) signalLine(l *Line) {
	l.Whom, l.Arrow = e.Whom.name(&e.Target), signals.Name(int(e.Signal))
	l.What, l.Mood = e.Reason, mood(e.Outcome)
	if e.Evidence == Predicted {
		l.What = "predicted " + l.What
	}
	switch e.Way {
	case ByZap:
		l.What = "zap: PID 1 has ended, so the kernel ends the rest"
		if e.Outcome == signals.Ignored {
			l.What, l.Mood = "zap, in vain: it has ended already", Vain
		}
	case ByOOM:
		l.Who, l.What = "kernel", "fatal: out of memory"
	case ByKernel, ByTimer:
		l.Who = "kernel"
	case ByCgroupKill:
		l.What = "cgroup.kill, " + l.What
	case ByChild:
		l.What = "told that PID 1 is done: nothing is left in its PID namespace"
		l.Mood = Plain
	}
	if e.By != nil {
		l.What = Clean(e.By.Text) + "; " + l.What
	}
	if e.Repeats > 0 {
		l.What += " (" + strconv.Itoa(int(e.Repeats)+1) + " times)"
	}
}

// delivered is what a task does with the signal that it takes.
func delivered(e *Entry) string {
	switch e.Outcome {
	case signals.Handled:
		return "its handler runs"
	case signals.Stop:
		return "it stops"
	}
	return e.Reason
}

func mood(a signals.Action) Mood {
	switch a {
	case signals.Ignored, signals.Dropped:
		return Vain
	case signals.Handled, signals.Consumable, signals.Pending, signals.Stop:
		return Taken
	case signals.Fatal, signals.FatalCore:
		return Deadly
	}
	return Plain
}

// exitLine says with which number a process ends, and why.
func (e *Entry) exitLine(l *Line) {
	l.Mood = Leaving
	if e.Who == nil {
		l.What = "ends"
		return
	}
	p := e.Who
	if p.Cause.Signal != 0 {
		l.Mood = Deadly
	}
	l.What = "ends with " + p.Number() + ": " + p.Cause.Words
	if p.Left > 0 {
		l.What += "; " + p.will
	}
}

// Number is the exit as shells and engines give it, explained: 137 = 128+9 (SIGKILL).
func (p *Process) Number() string {
	sig := int(p.Cause.Signal)
	switch {
	case sig != 0:
		s := strconv.Itoa(128+sig) + " = 128+" + strconv.Itoa(sig) + " (" + signals.Name(sig)
		if p.Known && unix.WaitStatus(p.Status).CoreDump() {
			s += ", core dumped"
		}
		return s + ")"
	case p.Known:
		return strconv.Itoa(p.code())
	}
	return "a code that is not known"
}

// census is who was there, those in the same state together.
func (e *Entry) census() string {
	var words strings.Builder
	state, same := "", 0
	for n := -1; n < len(e.counted); n++ {
		c := e
		if n >= 0 {
			c = e.counted[n]
		}
		if c.Who == nil {
			continue
		}
		now := c.condition()
		switch same++; {
		case state == "":
		case now != state:
			words.WriteString(andMore(same-1) + " " + state + "; ")
			same = 1
		case same <= mostNamed:
			words.WriteString(", ")
		}
		if state = now; same <= mostNamed {
			words.WriteString(c.Who.name(&c.Task))
		}
	}
	return words.String() + andMore(same) + " " + state
}

// condition is how a process was found. wchan is a function of the kernel, of
// which the compiler may have made a part.
func (e *Entry) condition() string {
	s := stateWords(e.State)
	if where, _, _ := strings.Cut(e.Text, "."); where != "" && where != "0" {
		s += " in " + Clean(where)
	}
	if e.State == 'Z' && e.Whom != nil {
		s += " by " + e.Whom.name(&e.Target)
	}
	return s
}

func stateWords(state byte) string {
	switch state {
	case 'R':
		return "running"
	case 'S':
		return "asleep"
	case 'D':
		return "asleep and not to be woken (D)"
	case 'T', 't':
		return "stopped"
	case 'Z':
		return "a zombie, not waited for"
	case 'X', 'I':
		return "dead"
	}
	return "in an unknown state"
}
