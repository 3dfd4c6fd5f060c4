package tests

import (
	"os"
	"strings"
	"testing"

	"minirun/tests/rig"
)

// outcome is what a verb does in one state: the exit code, and words of the
// message when it is not 0.
type outcome struct {
	code  int
	words string
}

var (
	fine    = outcome{}
	unknown = outcome{1, "container does not exist"}
	taken   = outcome{1, "container with given ID already exists"}
	ended   = outcome{1, "container not running"}
)

// states are the ways to bring a container into each state.
var states = []struct {
	name  string
	enter func(*rig.Container)
}{
	{"absent", func(*rig.Container) {}},
	{"created", func(c *rig.Container) { c.MustCreate() }},
	{"running", func(c *rig.Container) { c.MustCreate().MustStart() }},
	{"paused", func(c *rig.Container) { c.MustCreate().MustStart(); freeze(c, true) }},
	{"stopped", func(c *rig.Container) { c.MustCreate().MustStart(); c.Stop() }},
	{"stopped, never started", func(c *rig.Container) { c.MustCreate(); c.Stop() }},
}

// verbs are the calls with what each is to do in each of the states.
var verbs = []struct {
	name string
	args []string // the id stands for ID
	want map[string]outcome
}{
	{"create", []string{"create", "ID"}, map[string]outcome{
		"absent": fine, "created": taken, "running": taken, "paused": taken, "stopped": taken, "stopped, never started": taken,
	}},
	{"start", []string{"start", "ID"}, map[string]outcome{
		"absent": unknown, "created": fine, "running": {1, "cannot start an already running container"},
		"paused": {1, "cannot start"}, "stopped": {1, "cannot start a container that has stopped"},
		"stopped, never started": {1, "cannot start a container that has stopped"},
	}},
	{"state", []string{"state", "ID"}, map[string]outcome{
		"absent": unknown, "created": fine, "running": fine, "paused": fine, "stopped": fine, "stopped, never started": fine,
	}},
	{"kill", []string{"kill", "ID", "WINCH"}, map[string]outcome{
		"absent": unknown, "created": fine, "running": fine, "paused": fine, "stopped": ended, "stopped, never started": ended,
	}},
	{"kill --all", []string{"kill", "--all", "ID", "9"}, map[string]outcome{
		"absent": unknown, "created": fine, "running": fine, "paused": fine, "stopped": fine, "stopped, never started": fine,
	}},
	{"delete", []string{"delete", "ID"}, map[string]outcome{
		"absent": unknown, "created": fine, "running": {1, "that is not stopped: running"},
		"paused": {1, "that is not stopped: paused"}, "stopped": fine, "stopped, never started": fine,
	}},
	{"delete --force", []string{"delete", "--force", "ID"}, map[string]outcome{
		"absent": fine, "created": fine, "running": fine, "paused": fine, "stopped": fine, "stopped, never started": fine,
	}},
}

func TestEveryVerbInEveryState(t *testing.T) {
	for _, state := range states {
		for _, verb := range verbs {
			t.Run(state.name+"/"+verb.name, func(t *testing.T) {
				r := rig.New(t)
				knownDifferences(r, state.name, verb.name)
				c := r.Container()
				state.enter(c)
				args := make([]string, len(verb.args))
				for i, a := range verb.args {
					args[i] = strings.Replace(a, "ID", c.ID, 1)
				}
				if verb.name == "create" {
					args = []string{"create", "--bundle", c.Bundle, c.ID}
				}
				check(t, r.Do(args...), verb.want[state.name], r.Runtime.Kind)
				if state.name == "paused" {
					freeze(c, false)
				}
			})
		}
	}
}

// knownDifferences of the peers from the table.
func knownDifferences(r *rig.Rig, state, verb string) {
	stopped := strings.HasPrefix(state, "stopped")
	switch {
	case verb == "start" && stopped:
		r.Finding(rig.Crun, "start of a stopped container hangs or fails in words of its own")
	}
}

// check compares a call with what the table says.
func check(t *testing.T, x rig.Result, want outcome, kind rig.Kind) {
	t.Helper()
	if x.Code != want.code {
		t.Errorf("code %d, not %d (stderr: %s)", x.Code, want.code, x.Stderr)
	}
	if kind == rig.Crun {
		return // its words are its own
	}
	if !strings.Contains(x.Message(), want.words) {
		t.Errorf("message %q has not the words %q", x.Message(), want.words)
	}
	if want.code == 0 && x.Stderr != "" {
		t.Errorf("success, and words on stderr: %s", x.Stderr)
	}
}

// freeze stops or thaws the container by the file that `pause` of any runtime
// writes, of the v1 freezer or of v2.
func freeze(c *rig.Container, on bool) {
	c.Helper()
	file, value := c.Cgroup("freezer")+"/freezer.state", map[bool]string{true: "FROZEN", false: "THAWED"}[on]
	if _, err := os.Stat(file); err != nil {
		file, value = c.Cgroup("")+"/cgroup.freeze", map[bool]string{true: "1", false: "0"}[on]
	}
	err := os.WriteFile(file, []byte(value), 0)
	if !on {
		return // a verb may have removed it
	}
	if err != nil {
		c.Fatal(err)
	}
	if !rig.Eventually(func() bool { return c.Status() == "paused" }) {
		c.Fatalf("frozen, and status is %q", c.Status())
	}
}

func TestStatusFollowsTheContainer(t *testing.T) {
	c := rig.New(t).Container()
	expect := func(want string) {
		t.Helper()
		if got := c.Status(); got != want {
			t.Errorf("status %q, not %q", got, want)
		}
	}
	c.MustCreate()
	expect("created")
	c.MustStart()
	expect("running")
	freeze(c, true)
	expect("paused")
	freeze(c, false)
	expect("running")
	c.Stop()
	expect("stopped")
	if pid := c.State().Pid; pid != 0 {
		t.Errorf("stopped, and state has pid %d", pid)
	}
	c.MustDelete()
}

func TestStateTellsWhatItIsAbout(t *testing.T) {
	c := rig.New(t).Container()
	c.Spec.Annotations = map[string]string{"org.example.key": "value with \"quotes\" and ünïcode"}
	c.Edit()
	c.MustCreate()
	s := c.State()
	if s.ID != c.ID || s.Bundle != c.Bundle || s.Pid <= 0 || s.Version == "" {
		t.Errorf("state is %+v", s)
	}
	if got := s.Annotations["org.example.key"]; got != c.Spec.Annotations["org.example.key"] {
		t.Errorf("annotation is %q", got)
	}
	if s.Rootfs != c.Rootfs() && c.Runtime.Kind != rig.Crun { // crun prints root.path as it is

		t.Errorf("rootfs %q, not %q", s.Rootfs, c.Rootfs())
	}
	if c.ProcStatus(s.Pid, "NSpid") == "" {
		t.Errorf("pid %d of state is no process", s.Pid)
	}
}

// A container that ended may be made again under its name.
func TestNameIsFreeAfterDelete(t *testing.T) {
	c := rig.New(t).Container(rig.Sh("exit 0"))
	for range 3 {
		c.MustCreate().MustStart()
		c.WaitStopped()
		c.MustDelete()
	}
}

// The shim of containerd deletes twice, the second time with force.
func TestDeleteForceAfterDelete(t *testing.T) {
	c := rig.New(t).Container().MustCreate()
	c.MustDelete()
	c.MustDelete("--force")
	c.MustDelete("--force")
}

func TestDeleteForceEndsAllProcesses(t *testing.T) {
	c := rig.New(t).Container(rig.Sh("sleep 1000 & setsid sleep 1000 & wait")).MustCreate().MustStart()
	c.MustDelete("--force")
}

func TestKillTakesEverySpelling(t *testing.T) {
	for _, spelling := range []string{"USR1", "SIGUSR1", "10", "usr1"} {
		r := rig.New(t)
		if spelling == "usr1" && r.Runtime.Kind == rig.Crun {
			continue // 1.8.1 takes it for signal 0
		}
		c := r.Container(rig.Sh(`trap "exit 9" USR1; echo ready; while :; do sleep 0.01; done`))
		out := c.Path("out1")
		c.MustCreate().MustStart()
		rig.Eventually(func() bool { return c.Read(out) != "" })
		pid := c.Pid()
		if x := c.Kill(spelling); x.Code != 0 {
			t.Errorf("kill %s: %s", spelling, x.Stderr)
			continue
		}
		if code := rig.Reap(pid); code != 9 {
			t.Errorf("kill %s: the container ended with code %d, not 9", spelling, code)
		}
	}
}

func TestKillRefusesWhatIsNoSignal(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 takes NOSUCH, 1x and SIG and sends signal 0")
	c := r.Container().MustCreate()
	for _, spelling := range []string{"NOSUCH", "-1", "65", "1000", "1x", "SIG"} {
		if x := c.Kill(spelling); x.Code == 0 {
			t.Errorf("kill %q succeeded", spelling)
		}
	}
	if got := c.Status(); got != "created" {
		t.Errorf("and the container is %s", got)
	}
}

func TestKillDefaultsToTerm(t *testing.T) {
	c := rig.New(t).Container(rig.Sh(`trap "exit 4" TERM; echo ready; while :; do sleep 0.01; done`))
	out := c.Path("out1")
	c.MustCreate().MustStart()
	rig.Eventually(func() bool { return c.Read(out) != "" })
	pid := c.Pid()
	if x := c.Kill(); x.Code != 0 {
		t.Fatalf("kill: %s", x.Stderr)
	}
	if code := rig.Reap(pid); code != 4 {
		t.Errorf("code %d, not 4", code)
	}
}

// The init of a PID namespace does not get what it has no handler for: kill
// succeeds, and nothing happens (pid_namespaces(7)).
func TestTermIsLostOnAnInitWithoutHandler(t *testing.T) {
	c := rig.New(t).Container().MustCreate().MustStart()
	for range 3 {
		c.Kill("TERM")
	}
	if got := c.Status(); got != "running" {
		t.Errorf("status %s", got)
	}
}
