package runtime

import (
	"strings"
	"testing"

	"minirun/runtime/signals"
)

// initTask is PID 1 of a container as /proc shows it.
func initTask(change func(*signals.Status)) signals.Task {
	s := signals.Status{Name: "sh", State: 'S', Pid: 100, NSpid: []int{100, 1}}
	if change != nil {
		change(&s)
	}
	return signals.Task{Status: s, Threads: []signals.Thread{{Status: s}}}
}

func set(sig int) signals.Set { return 1 << (sig - 1) }

func TestKillWarnsOfASignalThatDoesNothing(t *testing.T) {
	caught := func(s *signals.Status) { s.Caught = set(15) }
	ignored := func(s *signals.Status) { s.Ignored = set(15) }
	blocked := func(s *signals.Status) { s.Blocked = set(15) }
	blockedCaught := func(s *signals.Status) { s.Blocked, s.Caught = set(15), set(15) }
	dying := func(s *signals.Status) { s.State = 'Z' }
	stopped := func(s *signals.Status) { s.State = 'T' }
	for _, c := range []struct {
		name  string
		init  func(*signals.Status)
		sig   int
		want  string // it begins so
		also  string // and holds this
		quiet bool   // there is no warning
		vain  bool   // nothing will ever come of it
	}{
		{"no handler", nil, 15, "SIGTERM does nothing: PID 1 has no handler for SIGTERM", "minirun stop --fast web ends it", false, true},
		{"ignored", ignored, 15, "SIGTERM does nothing: ", "stop --fast", false, true},
		{"not one that ends", nil, 10, "SIGUSR1 does nothing: ", "the program has to install a handler", false, true},
		{"blocked, then dropped", blocked, 15, "SIGTERM does nothing: ", "stop --fast", false, true},
		{"blocked, then handled", blockedCaught, 15, "SIGTERM waits until PID 1 unblocks it: ", "", false, false},
		{"dying", dying, 15, "SIGTERM changes nothing: ", "", false, true},
		{"handled", caught, 15, "", "", true, false},
		{"KILL", nil, 9, "", "", true, false},
		{"STOP", nil, 19, "", "", true, false},
		{"CONT of a stopped one", stopped, 18, "", "", true, false},
		{"CONT of one that runs", nil, 18, "SIGCONT does nothing: ", "", false, true},
		{"nothing is sent", nil, 0, "", "", true, false},
	} {
		p := prospect("web", initTask(c.init), c.sig)
		got := p.Warning
		if p.Useless != c.vain || p.Text() == "" || strings.Contains(p.Text(), "\n") {
			t.Errorf("%s: useless: %v, %q", c.name, p.Useless, p.Text())
		}
		if !strings.HasPrefix(got, c.want) || !strings.Contains(got, c.also) || (got == "") != c.quiet {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestASignalToAPausedContainerWaits(t *testing.T) {
	caught := initTask(func(s *signals.Status) { s.Caught = set(15) })
	for _, c := range []struct {
		sig  int
		init signals.Task
		want string
	}{
		{15, caught, "SIGTERM waits: the container is paused; minirun resume web lets it be heard"},
		{15, initTask(nil), "SIGTERM does nothing: "}, {9, caught, ""}, {0, caught, ""},
	} {
		if got := prospect("web", c.init, c.sig).whilePaused(true, "web", c.sig); !strings.HasPrefix(got.Warning, c.want) || (got.Warning == "") != (c.want == "") {
			t.Errorf("%d: %q", c.sig, got.Warning)
		}
	}
}
