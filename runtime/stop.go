package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
	"minirun/runtime/stop"
)

// What stop does when nobody says.
const (
	DefaultGrace = 10 * time.Second // docker's and podman's
	DefaultLimit = 10 * time.Second
)

// ErrGaveUp says that something of the container is left at the end of the limit.
var ErrGaveUp = errors.New("gave up")

// StopOptions are the flags of stop.
type StopOptions struct {
	Signal unix.Signal   // 0: the container's own stop signal
	Grace  time.Duration // between the signal and SIGKILL; stop.Never sends no SIGKILL
	Limit  time.Duration // from SIGKILL on, or from when the init began to die, to giving up
	Fast   bool          // no grace when the init will do nothing about the signal
	// Observe is a file for a timeline of the stop; empty: none.
	Observe string
	// Tell hears of each event when it happens; nil is deaf.
	Tell func(StopEvent)
}

// A StopEvent is one line of stop's report.
type StopEvent struct {
	At      time.Duration // since stop began to act
	What    string        // asked, killed, draining, gone, gave up; died, blocker, note; exit, the last
	Text    string        // in one line, for people
	Process Process       // of died
	Inside  int           // its pid in the container; 0: not known
	Blocker *Blocker      // of blocker
	Exit    *ExitRecord   // of exit; nil when nothing is known of the init
}

// JSON is an event on one line, without the newline. Times are in seconds.
func (e StopEvent) JSON() []byte {
	w := jsonWriter{}
	w.open('{')
	w.key("at")
	w.buf = strconv.AppendFloat(w.buf, e.At.Seconds(), 'f', 6, 64)
	w.strField("event", e.What)
	w.strField("text", e.Text)
	if e.Process.Pid != 0 {
		w.key("process")
		e.Process.append(&w)
		w.intField("inside", e.Inside)
	}
	if e.Blocker != nil {
		w.key("blocker")
		e.Blocker.append(&w)
	}
	if e.Exit != nil {
		w.key("exit")
		e.Exit.append(&w)
	}
	w.close('}')
	return w.buf
}

func (p Process) append(w *jsonWriter) {
	w.open('{')
	w.intField("pid", p.Pid)
	w.strField("name", p.Name)
	w.close('}')
}

func (b Blocker) append(w *jsonWriter) {
	w.open('{')
	w.intField("pid", b.Pid)
	w.intField("inside", b.Inside)
	w.strField("name", b.Name)
	w.strField("state", string(rune(b.State)))
	w.strField("wchan", b.Wchan)
	if b.Frozen != "" {
		w.strField("frozen", b.Frozen)
	}
	if b.Tracer.Pid != 0 {
		w.key("tracer")
		b.Tracer.append(w)
	}
	if b.State == 'Z' {
		w.key("parent")
		b.Parent.append(w)
		w.boolField("parentOutside", b.Outside)
		if b.Unreaped.Bound != Undated {
			w.key("unreaped")
			b.Unreaped.append(w)
		}
	}
	w.close('}')
}

// Line is an event for people: the time in milliseconds, and what happened.
func (e StopEvent) Line() string {
	return fmt.Sprintf("%8.1f ms  %s", float64(e.At.Microseconds())/1000, e.Text)
}

// stopSignalKey is where image-spec keeps STOPSIGNAL; engines copy it from the image.
const stopSignalKey = "org.opencontainers.image.stopSignal"

// stopSignal is the signal of the command line, else the container's, else
// SIGTERM. One that cannot be read must not keep a container from being
// stopped, and is named.
func stopSignal(asked unix.Signal, annotations map[string]string) (sig int, complaint string) {
	if asked != 0 {
		return int(asked), ""
	}
	text := annotations[stopSignalKey]
	if text == "" {
		return int(unix.SIGTERM), ""
	}
	sig, err := signals.Parse(text)
	if err != nil || sig == 0 {
		return int(unix.SIGTERM), fmt.Sprintf("annotation %s: %q is no signal; SIGTERM is sent", stopSignalKey, text)
	}
	return sig, ""
}

// stopPlan is what a container is to go through. One that was created and not
// started has no program that could use a grace, whatever the user asks for.
func stopPlan(o StopOptions, sig int, status Status) stop.Plan {
	p := stop.Plan{Signal: sig, Grace: o.Grace, Limit: o.Limit, Fast: o.Fast}
	if status == Created {
		p.Blank, p.Grace = true, 0
	}
	return p
}

// rungText is a rung of the ladder in one line, and after a signal that nothing
// will come of, what that means for who waits.
func rungText(l *stop.Ladder, s stop.Step) string {
	text := l.Words(s)
	switch {
	case s.Rung != stop.Asked || !s.View.Verdict.Useless():
	case l.Plan.Grace == stop.Never:
		text += ", for no SIGKILL follows: this waits until PID 1 ends by itself"
	case l.Plan.Grace > 0:
		text += " (" + l.Plan.Grace.String() + ", unless PID 1 installs a handler meanwhile; --fast skips it)"
	}
	return text
}

// deathText says who has ended, and how. SIGKILL is how the end of PID 1 ends
// the others of its namespace.
func deathText(p Process, inside int, status string, zapped bool) string {
	text := "died: " + p.String()
	if inside != 0 {
		text += ", " + strconv.Itoa(inside) + " inside"
	}
	if status != "" {
		text += ": " + status
	}
	if zapped {
		text += ", as PID 1 has ended"
	}
	return text
}

// stopNote is what the user should know before the ladder begins, or "".
func stopNote(p stop.Plan, status Status, init signals.Task, verdict signals.Answer) string {
	switch {
	case status == Created:
		return "the container was created and not started: there is no program to ask"
	case status == Stopped:
		return "the container has stopped already"
	case verdict.TracerFirst:
		return "PID 1 is traced by " + processOf(init.TracerPid).String() + ", which sees " + signals.Name(p.Signal) + " first and may keep it"
	case status == Paused:
		return "the container is paused, and will be thawed when the signal is sent"
	}
	return ""
}
