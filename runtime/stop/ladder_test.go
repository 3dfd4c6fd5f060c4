package stop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"minirun/runtime/signals"
)

const (
	sec   = time.Second
	grace = 10 * sec
	limit = 5 * sec
)

var (
	term    = Plan{Signal: 15, Grace: grace, Limit: limit}
	deaf    = signals.Verdict(signals.Question{Signal: 15, Init: true})
	catches = signals.Verdict(signals.Question{Signal: 15, Init: true, Disposition: signals.Catch})

	alive     = View{Left: 3}
	dying     = View{Left: 3, Dying: true}
	ended     = View{Ended: true, Dying: true}
	leftovers = View{Ended: true, Dying: true, Left: 2}
)

func with(v View, change func(*View)) View {
	change(&v)
	return v
}

func frozen(v *View)                        { v.Frozen = true }
func deafView(v *View)                      { v.Verdict = deaf }
func heardView(v *View)                     { v.Verdict = catches }
func at(d time.Duration, v View) Event      { return Event{At: d, View: v} }
func timeout(d time.Duration, v View) Event { return Event{At: d, Timeout: true, View: v} }

// play runs a ladder and tells what it did, event by event.
func play(l *Ladder, events []Event) []string {
	var out []string
	for _, e := range events {
		line := ""
		for _, do := range l.Next(e) {
			line += do.text() + " "
		}
		out = append(out, line+"> "+l.Rung().String())
	}
	return out
}

func (d Do) text() string {
	switch d.Act {
	case Send:
		return "send " + signals.Name(d.Signal)
	case Wait:
		return "wait " + d.For.String()
	}
	return [...]string{Kill: "kill", Thaw: "thaw", Name: "name"}[d.Act]
}

func TestLadder(t *testing.T) {
	for _, c := range []struct {
		name   string
		plan   Plan
		events []Event
		want   []string
	}{
		{"ends when asked", term,
			[]Event{at(0, with(alive, heardView)), at(sec, ended)},
			[]string{"send SIGTERM wait 10s > asked", "> gone"}},
		{"is gone already", term, []Event{at(0, ended)}, []string{"> gone"}},
		{"ignores the signal", term,
			[]Event{at(0, with(alive, deafView)), timeout(grace, alive), at(grace+1, ended)},
			[]string{"send SIGTERM wait 10s > asked", "kill wait 100ms > killed", "> gone"}},
		{"ignores the signal, and the user is in a hurry", Plan{Signal: 15, Grace: grace, Limit: limit, Fast: true},
			[]Event{at(0, with(alive, deafView)), at(1, ended)},
			[]string{"kill wait 100ms > killed", "> gone"}},
		{"heeds the signal, and the user is in a hurry", Plan{Signal: 15, Grace: grace, Limit: limit, Fast: true},
			[]Event{at(0, with(alive, heardView))},
			[]string{"send SIGTERM wait 10s > asked"}},
		{"the signal is KILL", Plan{Signal: 9, Grace: grace, Limit: limit},
			[]Event{at(0, alive), at(1, ended)},
			[]string{"kill wait 100ms > killed", "> gone"}},
		{"no grace", Plan{Signal: 15, Limit: limit},
			[]Event{at(0, alive), timeout(0, alive)},
			[]string{"send SIGTERM wait 0s > asked", "kill wait 100ms > killed"}},
		{"changes do not shorten the grace", term,
			[]Event{at(0, alive), at(sec, alive), at(2*sec, View{Left: 1})},
			[]string{"send SIGTERM wait 10s > asked", "> asked", "> asked"}},
		{"is paused", term,
			[]Event{at(0, with(alive, frozen)), timeout(grace, with(alive, frozen))},
			[]string{"send SIGTERM thaw wait 10s > asked", "kill thaw wait 100ms > killed"}},
		{"dies by itself, with a moment's delay", term,
			[]Event{at(0, alive), at(sec, dying), at(sec, dying), at(sec+1, ended)},
			[]string{"send SIGTERM wait 10s > asked", "wait 100ms > asked", "> asked", "> gone"}},
		{"dies by itself and is held up", term,
			[]Event{at(0, alive), at(sec, dying), timeout(sec+patience, dying), at(2*sec, dying), timeout(sec+patience+limit, dying)},
			[]string{"send SIGTERM wait 10s > asked", "wait 100ms > asked", "name wait 5s > draining", "> draining", "name > gave up"}},
		{"is dying before it is asked", term,
			[]Event{at(0, dying), at(1, ended)},
			[]string{"name wait 5s > draining", "> gone"}},
		{"SIGKILL is held up", term,
			[]Event{at(0, alive), timeout(grace, alive), at(grace+1, dying), timeout(grace+patience, dying), timeout(grace+limit, dying), at(20*sec, ended)},
			[]string{"send SIGTERM wait 10s > asked", "kill wait 100ms > killed", "> killed", "name wait 4.9s > draining", "name > gave up", "> gave up"}},
		{"SIGKILL is held up and then goes through", term,
			[]Event{at(0, alive), timeout(grace, alive), timeout(grace+patience, with(dying, frozen)), at(grace+sec, ended)},
			[]string{"send SIGTERM wait 10s > asked", "kill wait 100ms > killed", "name thaw wait 4.9s > draining", "> gone"}},
		{"leaves others behind", term,
			[]Event{at(0, alive), at(sec, leftovers), at(sec+1, ended)},
			[]string{"send SIGTERM wait 10s > asked", "kill wait 100ms > killed", "> gone"}},
		{"had left others behind", term, []Event{at(0, leftovers)}, []string{"kill wait 100ms > killed"}},
		{"is held up, and then leaves others behind", term,
			[]Event{at(0, dying), at(sec, leftovers), at(2*sec, ended)},
			[]string{"name wait 5s > draining", "kill wait 100ms > killed", "> gone"}},
		{"is never to be killed", Plan{Signal: 15, Grace: Never, Limit: limit},
			[]Event{at(0, alive), at(time.Hour, alive), at(2*time.Hour, ended)},
			[]string{"send SIGTERM wait -1ns > asked", "> asked", "> gone"}},
		{"is never to be killed, and leaves others behind", Plan{Signal: 15, Grace: Never, Limit: limit},
			[]Event{at(0, alive), at(sec, leftovers), at(2*sec, leftovers), timeout(sec+limit, leftovers)},
			[]string{"send SIGTERM wait -1ns > asked", "name wait 5s > draining", "> draining", "name > gave up"}},
	} {
		l := &Ladder{Plan: c.plan}
		got := play(l, c.events)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// walk tries every sequence of views, with and without a timeout, to a depth.
func walk(l Ladder, at time.Duration, depth int, visit func(*Ladder, Event, []Do) (next time.Duration)) {
	if depth == 0 {
		return
	}
	for bits := range 32 {
		v := View{Ended: bits&1 != 0, Dying: bits&2 != 0, Frozen: bits&4 != 0}
		if bits&8 != 0 {
			v.Left, v.Verdict = 2, deaf
		}
		e := Event{At: at, Timeout: bits&16 != 0, View: v}
		child := l
		child.Steps = append([]Step(nil), l.Steps...)
		do := child.Next(e)
		walk(child, visit(&child, e, do), depth-1, visit)
	}
}

func TestLadderKeepsItsPromises(t *testing.T) {
	for _, plan := range []Plan{term, {Signal: 15, Grace: Never, Limit: limit}, {Signal: 15, Grace: grace, Limit: limit, Fast: true},
		{Signal: 15, Grace: Never, Fast: true}, {Signal: 9, Limit: 0}} {
		walk(Ladder{Plan: plan}, 0, 4, func(l *Ladder, e Event, do []Do) time.Duration {
			kills, next := 0, e.At
			for i, d := range do {
				if d.Act == Kill {
					kills++
				}
				if d.Act == Wait {
					next = e.At + max(d.For, 0)
				}
				if d.Act == Wait && (i != len(do)-1 || d.For < 0 && (plan.Grace != Never || l.Rung() != Asked)) {
					t.Fatalf("%+v: %+v: an endless or early wait: %+v", plan, e, do)
				}
			}
			switch {
			case kills > 0 && (plan.Grace == Never || l.Rung() != Killed):
				t.Fatalf("%+v: %+v: killed on %s", plan, e, l.Rung())
			case e.View.gone() && l.Rung() < Gone:
				t.Fatalf("%+v: %+v: does not see that it is gone", plan, e)
			case l.Done() && len(do) > 0 && do[0].Act != Name:
				t.Fatalf("%+v: %+v: does %+v when done", plan, e, do)
			}
			for i := range l.Steps[1:] {
				if l.Steps[i].Rung == l.Steps[i+1].Rung {
					t.Fatalf("%+v: %+v: climbs %s twice", plan, e, l.Steps[i].Rung)
				}
			}
			return next
		})
	}
}

// TestLadderEndsInTime lets nothing happen but the ladder's own timeouts.
func TestLadderEndsInTime(t *testing.T) {
	for i, v := range []View{alive, dying, leftovers, with(alive, frozen), alive} {
		l := &Ladder{Plan: term}
		if i == 4 {
			l.Plan.Limit = patience / 2
		}
		e := at(0, v)
		for steps := 0; !l.Done(); steps++ {
			do := l.Next(e)
			if l.Done() {
				break
			}
			if steps > 6 {
				t.Fatalf("%+v: no end: %+v", v, l.Steps)
			}
			e = timeout(e.At+do[len(do)-1].For, v)
		}
		if l.Rung() != GaveUp || e.At > grace+patience/4+l.Plan.Limit {
			t.Errorf("%+v: %s after %s", v, l.Rung(), e.At)
		}
	}
}

func TestWordsSayWhatHappenedAndWhy(t *testing.T) {
	fast := Plan{Signal: 15, Grace: grace, Limit: limit, Fast: true}
	asked := at(0, with(alive, heardView))
	for _, c := range []struct {
		name   string
		plan   Plan
		events []Event
		exit   Exit
		want   string
	}{
		{"took it", term, []Event{asked, at(sec, ended)}, Exit{Code: 143}, `
			SIGTERM: predicted handler: PID 1 has a handler for SIGTERM; if that resets it and raises it again, nothing happens
			gone
			143: it took SIGTERM and exited with 128+15 itself`},
		{"clean", term, []Event{asked, at(sec, ended)}, Exit{}, "0: it exited so itself"},
		{"deaf", term, []Event{at(0, with(alive, deafView)), timeout(grace, alive), at(grace+1, ended)}, Exit{Signal: 9}, `
			SIGTERM: predicted ignored: PID 1 has no handler for SIGTERM; the grace is in vain
			SIGKILL: SIGTERM was ignored: PID 1 has no handler for SIGTERM
			gone
			137: ended by stop's SIGKILL (SIGTERM was ignored: PID 1 has no handler for SIGTERM)`},
		{"slow", term, []Event{asked, timeout(grace, alive), timeout(grace+patience, dying), timeout(grace+limit, dying)}, Exit{Signal: 9}, `
			SIGKILL: still there after 10s
			draining: the init is dying, and something holds it up
			gave up: 3 processes are left after 5s
			137: ended by stop's SIGKILL (still there after 10s)`},
		{"fast", fast, []Event{at(0, with(alive, deafView)), at(1, ended)}, Exit{Signal: 9},
			"SIGKILL: SIGTERM would be ignored: PID 1 has no handler for SIGTERM; there is nothing to wait for"},
		{"left others", term, []Event{asked, at(sec, leftovers)}, Exit{Code: 3}, `
			SIGKILL: the init has ended and left others
			3: it exited so itself`},
		{"KILL", Plan{Signal: 9, Limit: limit}, []Event{at(0, alive)}, Exit{Signal: 9}, "SIGKILL: as asked for"},
		{"out of memory", term, []Event{asked, at(1, ended)}, Exit{Signal: 9, OOM: true}, "137: the kernel killed it for want of memory"},
		{"somebody else", term, []Event{asked, at(1, ended)}, Exit{Signal: 9}, "137: ended by a SIGKILL that was not stop's"},
		{"abort", term, []Event{asked, at(1, ended)}, Exit{Signal: 11}, "139: ended by SIGSEGV"},
		{"its child was killed", term, []Event{asked, at(1, ended)}, Exit{Code: 137}, "137: it exited so itself, as a shell does whose child was killed by SIGKILL"},
	} {
		l := &Ladder{Plan: c.plan}
		play(l, c.events)
		got := l.Why(c.exit) + "\n"
		for i := len(l.Steps) - 1; i >= 0; i-- {
			got = l.Words(l.Steps[i]) + "\n" + got
		}
		for want := range strings.Lines(strings.TrimSpace(c.want)) {
			if !strings.Contains(got, strings.TrimSpace(want)+"\n") {
				t.Errorf("%s: no line %q in\n%s", c.name, strings.TrimSpace(want), got)
			}
		}
	}
}
