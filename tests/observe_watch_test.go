package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"minirun/tests/rig"
)

// observer builds minirun-observe beside the minirun under test, once.
var observer struct {
	sync.Once
	err error
}

// observeRig is a rig of minirun's with all its sources.
func observeRig(t *testing.T) *rig.Rig {
	t.Helper()
	r := stopRig(t)
	observer.Do(func() {
		observer.err = rig.Build("minirun/cmd/minirun-observe", filepath.Join(filepath.Dir(r.Runtime.Path), "minirun-observe"))
	})
	if observer.err != nil {
		t.Fatal(observer.err)
	}
	return r
}

// A watch is a minirun observe under way.
type watch struct {
	*rig.Call
	c    *rig.Container
	file string
	said string // what it printed up to its first event
}

// observed starts to observe a container, after the options and with the flags
// given, and returns when nothing will be missed.
func observed(c *rig.Container, wrap []string, flags ...string) *watch {
	c.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	defer from.Close()
	w := &watch{c: c, file: c.Path("timeline-" + c.ID)}
	args := append(append([]string{"observe", "--format", "json", "-o", w.file}, flags...), c.ID)
	w.Call = c.Spawn(args, func(cmd *exec.Cmd) {
		cmd.Stderr = to
		if wrap != nil {
			cmd.Args = append(append([]string{}, wrap...), cmd.Args...)
			cmd.Path, cmd.Err = wrap[0], nil
		}
	})
	to.Close()
	from.SetReadDeadline(time.Now().Add(rig.Deadline))
	lines := bufio.NewReader(from)
	for !strings.Contains(w.said, "observing ") {
		line, err := lines.ReadString('\n')
		w.said += line
		if err != nil {
			c.Fatalf("observe does not begin: %v: %s", err, w.said)
		}
	}
	return w
}

// A moment is a line of a timeline, as far as the tests look at it.
type moment struct {
	Kind, Evidence, Source, SignalName, Outcome, Reason, Way, Text, State string
	Time                                                                  int64
	Task, Target                                                          struct{ Tgid, Inside, Depth, Own int }
	Status                                                                *int
	GroupDead                                                             bool
	Cause                                                                 struct {
		Kind, Words string
		Code        int
	}
	Skipped, Words []string
	Lost           int
}

// timeline waits for the end of the observation and reads what it wrote.
func (w *watch) timeline() []moment {
	w.c.Helper()
	if x := w.Wait(); x.Code != 0 {
		w.c.Fatalf("observe: code %d", x.Code)
	}
	return readTimeline(w.c.Rig, w.file)
}

func readTimeline(r *rig.Rig, file string) (list []moment) {
	r.Helper()
	for line := range strings.Lines(r.Read(file)) {
		var e moment
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.Fatalf("%v: %s", err, line)
		}
		list = append(list, e)
	}
	if n := len(list); n < 2 || list[0].Kind != "timeline" || list[n-1].Kind != "summary" {
		r.Fatalf("no timeline: %s", r.Read(file))
	}
	return list
}

// line is a moment without what differs from run to run: pids are those inside.
func (e moment) line() string {
	who := fmt.Sprint(e.Task.Inside)
	switch e.Kind {
	case "generate":
		if e.Evidence == "predicted" {
			e.Outcome = "predicted " + e.Outcome
		}
		if e.Way == "child" { // what comes of it is the engine's matter
			e.Outcome = "sent"
		}
		return fmt.Sprintf("%s>%d %s %s %s", who, e.Target.Inside, strings.TrimPrefix(e.SignalName, "SIG"), e.Way, e.Outcome)
	case "deliver":
		return fmt.Sprintf("%s takes %s %s", who, strings.TrimPrefix(e.SignalName, "SIG"), e.Outcome)
	case "exit", "ended":
		if e.Kind == "exit" && !e.GroupDead {
			return who + " thread exit"
		}
		if e.Status == nil {
			return who + " " + e.Kind
		}
		return fmt.Sprintf("%s %s %#x", who, e.Kind, *e.Status&^0x80)
	case "rung":
		return e.Text
	case "populated":
		return "populated"
	case "census":
		return who + " census " + e.State
	}
	return who + " " + e.Kind
}

// inOrder finds each line after the one before; what stands between does not
// matter, as far as it is not forbidden ("!line").
func inOrder(t testing.TB, list []moment, want ...string) {
	t.Helper()
	var have []string
	i := 0
	for _, e := range list {
		line := e.line()
		have = append(have, line)
		if i < len(want) && matches(line, want[i]) {
			i++
		}
		for _, w := range want {
			if w == "!"+line {
				t.Errorf("there is a %q", line)
			}
		}
		for i < len(want) && want[i][0] == '!' {
			i++
		}
	}
	if i < len(want) {
		t.Errorf("no %q in its place in\n%s", want[i], strings.Join(have, "\n"))
	}
}

// matches: a wanted line may end in a star.
func matches(line, want string) bool {
	begins, open := strings.CutSuffix(want, "*")
	return line == want || open && strings.HasPrefix(line, begins)
}

// wordsOf are the words of the summary, and the reasons and causes of all entries.
func wordsOf(list []moment) string {
	var b strings.Builder
	for _, e := range list {
		for _, s := range append([]string{e.Reason, e.Cause.Words, e.Text}, e.Words...) {
			b.WriteString(s + "\n")
		}
	}
	return b.String()
}

// legal: no process does anything before its fork or after its reaping, and
// every end has a cause.
func legal(t *testing.T, list []moment) {
	t.Helper()
	const forked, left, reaped = 1, 2, 3
	state := map[int]int{}
	var last int64
	for i, e := range list {
		if e.Time < last && e.Time != 0 {
			t.Errorf("entry %d goes back in time", i)
		}
		last = max(last, e.Time)
		pid := e.Task.Tgid
		switch e.Kind {
		case "fork":
			if e.Target.Tgid != e.Task.Tgid {
				state[e.Target.Tgid] = forked
			}
		case "exec", "deliver":
			if state[pid] > forked {
				t.Errorf("%s after its end", e.line())
			}
		case "exit":
			if !e.GroupDead {
				break
			}
			if state[pid] > forked {
				t.Errorf("%s after its end", e.line())
			}
			state[pid] = left
			if e.Cause.Kind == "" || e.Cause.Kind == "untold" {
				t.Errorf("%s has no cause", e.line())
			}
		case "reap":
			if state[pid] == forked {
				t.Errorf("%s before its end", e.line())
			}
			state[pid] = reaped
		}
	}
}
