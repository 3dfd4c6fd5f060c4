package runtime

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
	"minirun/runtime/stop"
)

func TestTheStopSignalIsTheUsersThenTheImagesThenTERM(t *testing.T) {
	image := func(sig string) map[string]string { return map[string]string{stopSignalKey: sig} }
	for _, c := range []struct {
		asked       unix.Signal
		annotations map[string]string
		want        int
		complains   bool
	}{
		{0, nil, 15, false},
		{0, image("SIGQUIT"), 3, false},
		{0, image("37"), 37, false},
		{0, image("RTMIN+3"), 37, false},
		{unix.SIGINT, image("SIGQUIT"), 2, false},
		{0, image("SIGNONE"), 15, true},
		{0, image("0"), 15, true},
	} {
		sig, complaint := stopSignal(c.asked, c.annotations)
		if sig != c.want || (complaint != "") != c.complains {
			t.Errorf("%v, %v: %d, %q; want %d", c.asked, c.annotations, sig, complaint, c.want)
		}
	}
}

func TestAContainerThatWasNotStartedIsNotAsked(t *testing.T) {
	for _, grace := range []time.Duration{time.Hour, stop.Never} {
		l := stop.Ladder{Plan: stopPlan(StopOptions{Grace: grace, Limit: time.Second}, 15, Created)}
		do := l.Next(stop.Event{View: stop.View{Left: 1}})
		if len(do) == 0 || do[0].Act != stop.Kill {
			t.Errorf("grace %v: %+v", grace, do)
		}
		if text := rungText(&l, l.Steps[0]); text != "SIGKILL: no program runs that could be asked" {
			t.Error(text)
		}
	}
}

func TestARungSaysWhetherWaitingIsUseless(t *testing.T) {
	deaf := signals.Verdict(signals.Question{Signal: 15, Init: true})
	hears := signals.Verdict(signals.Question{Signal: 15, Init: true, Disposition: signals.Catch})
	for _, c := range []struct {
		grace   time.Duration
		verdict signals.Answer
		want    string
	}{
		{10 * time.Second, deaf, "; the grace is in vain (10s, unless PID 1 installs a handler meanwhile; --fast skips it)"},
		{stop.Never, deaf, "; the grace is in vain, for no SIGKILL follows: this waits until PID 1 ends by itself"},
		{0, deaf, "; the grace is in vain"},
		{10 * time.Second, hears, "raises it again, nothing happens"},
	} {
		l := stop.Ladder{Plan: stop.Plan{Signal: 15, Grace: c.grace}}
		l.Next(stop.Event{View: stop.View{Left: 1, Verdict: c.verdict}})
		if text := rungText(&l, l.Steps[0]); !strings.HasSuffix(text, c.want) {
			t.Errorf("%s\nwant it to end in %s", text, c.want)
		}
	}
}

func TestStopEventsAreJSONAndLines(t *testing.T) {
	b := Blocker{Pid: 3, Inside: 2, Name: "a\x01", State: 'Z', Parent: Process{9, "p"}, Outside: true, Tracer: Process{8, "t"},
		Unreaped: Elapsed{1500 * time.Millisecond, AtLeast}}
	e := StopEvent{At: 1500 * time.Microsecond, What: "blocker", Text: "blocked by it", Blocker: &b}
	var got struct {
		At      float64
		Event   string
		Blocker struct {
			Pid, Inside int
			State       string
			Parent      struct{ Pid int }
			Outside     bool `json:"parentOutside"`
			Tracer      struct{ Name string }
			Unreaped    struct {
				Seconds float64
				Bound   string
			}
		}
	}
	if err := json.Unmarshal(e.JSON(), &got); err != nil {
		t.Fatalf("%s: %v", e.JSON(), err)
	}
	if k := got.Blocker; got.At != 0.0015 || got.Event != "blocker" || k.Pid != 3 || k.Inside != 2 || k.State != "Z" || k.Parent.Pid != 9 || !k.Outside || k.Tracer.Name != "t" || k.Unreaped.Seconds != 1.5 || k.Unreaped.Bound != "at least" {
		t.Errorf("%s", e.JSON())
	}
	if line := e.Line(); line != "     1.5 ms  blocked by it" {
		t.Errorf("%q", line)
	}
	dead := StopEvent{What: "died", Process: Process{4, "sleep"}, Inside: 2, Text: deathText(Process{4, "sleep"}, 2, "killed by SIGKILL", true)}
	if want := "died: 4 (sleep), 2 inside: killed by SIGKILL, as PID 1 has ended"; dead.Text != want || !strings.Contains(string(dead.JSON()), `"inside":2`) {
		t.Errorf("%s", dead.JSON())
	}
}
