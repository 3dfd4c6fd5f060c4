package observe

import (
	"bytes"
	"strings"
	"testing"
)

// The observer follows the init by a pidfd, and so does the source proc: both
// tell of its end and of its reaping, and each is one line.
func TestAReapingIsToldOnce(t *testing.T) {
	sh := Task{Pid: 100, Tgid: 100, Inside: 1, Own: 1, Comm: Comm("sh")}
	event := func(at int64, kind Kind, has Has) Event {
		return Event{Time: at, Kind: kind, Origin: Proc, Task: sh, Has: has, Status: 7 << 8}
	}
	for name, c := range map[string]struct {
		events []Event
		want   []string
	}{
		"a zombie first": {
			[]Event{event(5, Ended, HasStatus), event(6, Ended, HasStatus), event(20, Reap, HasStatus), event(21, Reap, HasStatus)},
			[]string{"ends with 7", "is reaped"},
		},
		"reaped as it ends": {
			[]Event{event(5, Ended, HasStatus), event(5, Reap, HasStatus), event(6, Ended, HasStatus), event(7, Reap, HasStatus)},
			[]string{"ends with 7"},
		},
		"the status by the other": {
			[]Event{event(5, Ended, 0), event(20, Reap, 0), event(21, Reap, HasStatus)},
			[]string{"ends with a code that is not known", "is reaped", "ends with 7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			l := NewLive(About{Init: 100, Origin: Proc}, &out, Text)
			for _, e := range c.events {
				l.Add(e)
				if err := l.Advance(e.Time + patience); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.Finish(); err != nil {
				t.Fatal(err)
			}
			lines, _, _ := strings.Cut(out.String(), "\nPID 1")
			n := 0
			for _, want := range c.want {
				n += strings.Count(lines, want)
			}
			if n != len(c.want) || strings.Count(lines, " ms  ") != len(c.want) {
				t.Errorf("want one each of %q:\n%s", c.want, lines)
			}
		})
	}
}
