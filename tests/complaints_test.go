package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// A create or run whose init is killed half-way ends and leaves nothing: nobody
// waits for a report that will not come (runc#1697, runc#5087).
func TestAnInitKilledOnItsWayIsReported(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("runc 1.1 says nothing of the kill")
	kill := `kill -9 $(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')`
	for verb, want := range map[string]struct {
		code int
		text string
	}{"create": {1, "init ended before the container was created: killed by SIGKILL"}, "run": {137, ""}} {
		c := r.Container()
		c.Spec.Hooks = hook("createRuntime", kill)
		c.Edit()
		wants(t, r.Do(verb, "--bundle", c.Bundle, c.ID), want.code, want.text)
		if c.Exists() {
			t.Errorf("%s: the state is kept", verb)
		}
	}
}

// A stop that is killed leaves a container that runs as before, and no wish:
// the next verb looks at the kernel (podman#19629, conmon#501).
func TestAKilledStopIsNotRemembered(t *testing.T) {
	r := stopRig(t)
	c := deaf(r)
	call := c.Spawn([]string{"stop", "--time", "never", c.ID})
	if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "SIGTERM") }) {
		t.Fatal(call.Output())
	}
	call.Signal(unix.SIGKILL)
	call.Wait()
	if s := c.Status(); s != "running" {
		t.Errorf("%s after the stop was killed", s)
	}
	wants(t, stopIt(c, "--fast"), 0, "gone\n")
	c.MustDelete()
}

// Three containers in one PID namespace: to stop one is to stop one (moby#50523).
func TestStopLeavesTheOthersOfAPIDNamespace(t *testing.T) {
	r := stopRig(t)
	first := up(r, "sleep 1000 & sleep 1000 & sleep 1000")
	join := rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", first.Pid()))
	second, third := up(r, "sleep 1000 & sleep 1000", join), up(r, "sleep 1000 & sleep 1000", join)
	if !rig.Eventually(func() bool { return pids(first) == 3 }) {
		t.Fatalf("%d tasks", pids(first))
	}
	wants(t, stopIt(second, "--time", "30"), 0, "gone\n")
	wants(t, r.Do("kill", "--all", third.ID, "KILL"), 0)
	third.WaitStopped()
	if s := first.Status(); s != "running" || pids(first) != 3 {
		t.Errorf("the first is %s, with %d tasks of 3", s, pids(first))
	}
	second.MustDelete()
	third.MustDelete()
	first.MustDelete("--force")
}

// Health checks leave processes behind that PID 1 does not know of: pids.current
// grows without an init, and is flat with one (moby#47583, kubernetes#81042).
func TestExecsPileUpNoZombiesUnderTheInit(t *testing.T) {
	const execs, left = 5, 4
	for name, c := range map[string]struct {
		flags []string
		tasks int
	}{"without": {nil, 1 + execs*left}, "with": {[]string{"--init"}, 2}} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--init")
			con := r.Container(rig.Args("tail", "-f", "/dev/null")).MustCreate(c.flags...).MustStart()
			for range execs {
				r.OK("exec", con.ID, "/bin/sh", "-c", strings.Repeat("(sleep 0.01 &); ", left))
			}
			if !rig.Eventually(func() bool { return pids(con) == c.tasks && zombies(con) == c.tasks-1-len(c.flags) }) {
				t.Errorf("%d tasks, %d zombies", pids(con), zombies(con))
			}
		})
	}
}

func zombies(c *rig.Container) int {
	c.Helper()
	return strings.Count(c.OK("ps", "--wide", c.ID).Stdout, "<not waited for by its parent")
}

// No verb that tells or signals waits for one that is stuck with the lock (containerd#14081).
func TestStateAndKillNeedNoLock(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("its lock")
	c := idle(r)
	dir, err := os.Open(r.Root + "/" + c.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"state", c.ID}, {"list"}, {"ps", c.ID}, {"signals", c.ID}, {"events", "--stats", c.ID}, {"exec", c.ID, "true"},
		{"kill", c.ID, "CONT"}, {"kill", "--all", c.ID, "KILL"},
	} {
		if x := r.Do(args...); x.Code != 0 {
			t.Errorf("%v: code %d: %s", args, x.Code, x.Stderr)
		}
	}
}
