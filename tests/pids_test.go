package tests

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func pidsLimit(n int64) rig.Mod {
	return func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &n} }
}

// The limit counts the init's one task, and nothing of the runtime.
func TestPidsLimitIsExact(t *testing.T) {
	r := rig.New(t)
	c := r.Container(pidsLimit(5), rig.Sh(`n=0; while [ $n -lt 20 ]; do sleep 1000 & n=$((n+1)); echo $n; done`))
	x := c.Run()
	if lines := strings.Fields(x.Stdout); len(lines) != 4 {
		t.Errorf("%d children of PID 1 under a limit of 5: %s", len(lines), x.Stderr)
	}
	if !strings.Contains(x.Stderr, "can't fork: Resource temporarily unavailable") {
		t.Errorf("stderr %q", x.Stderr)
	}
}

func TestPidsLimitOfOne(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the set-up needs one task, so that a limit of 1 is one that a container can live with")
	if x := r.Container(pidsLimit(1), rig.Sh("echo alive")).Run(); x.Code != 0 || x.Stdout != "alive\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

func TestForkBombIsHeld(t *testing.T) {
	r := rig.New(t)
	c := r.Container(pidsLimit(30), rig.Sh(`b() { b | b & }; b; sleep 1000`)).MustCreate().MustStart()
	group := c.Cgroup("pids")
	if !rig.Eventually(func() bool { return strings.TrimSpace(r.Read(group+"/pids.events")) != "max 0" }) {
		t.Error("no fork was refused")
	}
	if !rig.Eventually(func() bool { return pids(c) <= 30 }) { // a fork that is refused is counted for a moment (pids_try_charge)
		t.Errorf("%d tasks under a limit of 30", pids(c))
	}
	c.MustDelete("--force")
}

// In force before the first process joins: what is created has it.
func TestPidsLimitIsThereAtCreate(t *testing.T) {
	r := rig.New(t)
	c := r.Container(pidsLimit(7)).MustCreate()
	if got := strings.TrimSpace(r.Read(c.Cgroup("pids") + "/pids.max")); got != "7" {
		t.Errorf("pids.max %s", got)
	}
	current := strings.TrimSpace(r.Read(c.Cgroup("pids") + "/pids.current"))
	if r.Runtime.Kind == rig.Minirun && current != "1" {
		t.Errorf("pids.current %s, not 1", current)
	}
}

// 0 is a real limit since runtime-spec 1.3: the init lives, its first fork fails,
// and a fork that set-up needs is refused in words that name the limit.
func TestPidsLimitOfZero(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("runtime-spec 1.3")
	x := r.Container(pidsLimit(0), rig.Sh("echo alive; sleep 1 & echo child")).Run()
	if !strings.HasPrefix(x.Stdout, "alive\n") || strings.Contains(x.Stdout, "child") {
		t.Errorf("%s%s", x.Stdout, x.Stderr)
	}
	c := r.Container(pidsLimit(0))
	c.Spec.Hooks = hook("startContainer", "true")
	c.Edit()
	c.MustCreate()
	if x := c.Start(); x.Code == 0 || !strings.Contains(x.Message(), "pids.max") {
		t.Errorf("start: code %d: %s", x.Code, x.Stderr)
	}
	c.MustDelete("--force")
}
