package tests

import (
	"os/exec"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// family is a PID 1 with a child, who hear no signal but SIGKILL.
var family = ready(`trap "" HUP INT TERM; sleep 1000 & :`)

// A SIGKILL of minirun ends the container with it, whatever became of the
// process's credentials on its way to the program; and without the flag it does not.
func TestDieWithParent(t *testing.T) {
	fewer := func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Process.Capabilities.Permitted, s.Process.Capabilities.Effective = []string{"CAP_KILL"}, []string{"CAP_KILL"}
	}
	for name, c := range map[string]struct {
		mods  []rig.Mod
		flags []string
		user  bool // namespace
		lives bool
	}{
		"root":            {nil, []string{"--die-with-parent"}, false, false},
		"another user":    {[]rig.Mod{func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 7} }}, []string{"--die-with-parent"}, false, false},
		"built-in init":   {nil, []string{"--die-with-parent", "--init"}, false, false},
		"init that gains": {[]rig.Mod{fewer}, []string{"--die-with-parent", "--init"}, false, false},
		"no_new_privs":    {[]rig.Mod{fewer, func(s *specs.Spec) { s.Process.NoNewPrivileges = true }}, []string{"--die-with-parent"}, false, false},
		"seccomp": {[]rig.Mod{func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} }},
			[]string{"--die-with-parent"}, false, false},
		"user namespace": {nil, []string{"--die-with-parent"}, true, false},
		"without":        {nil, nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--die-with-parent")
			con := r.Container
			if c.user {
				con = func(mods ...rig.Mod) *rig.Container { return mappedContainer(r, mods...) }
			}
			died(t, con(append(c.mods, family)...), c.flags, c.lives)
		})
	}
}

func died(t *testing.T, c *rig.Container, flags []string, lives bool) {
	t.Helper()
	call := runReady(c, flags...)
	pid := c.Pid()
	call.Signal(unix.SIGKILL)
	call.Wait()
	if lives {
		if s := c.Status(); s != "running" {
			t.Errorf("%s without the flag", s)
		}
		c.MustDelete("--force")
		return
	}
	rig.Reap(pid)
	c.WaitStopped()
	c.MustDelete()
}

// The caller's end is the container's too, and minirun removes what there was.
func TestDieWithTheCaller(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--die-with-parent")
	c := r.Container(family)
	shell := func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", `"$@" & wait`, "sh", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
	}
	call := c.Spawn([]string{"run", "--die-with-parent", "--bundle", c.Bundle, c.ID}, shell)
	awaitReady(r, call, func() {})
	call.Signal(unix.SIGKILL)
	call.Wait()
	if !rig.Eventually(func() bool { rig.ReapOrphans(); return !c.Exists() }) {
		t.Errorf("%s", c.Status())
	}
}

func TestDieWithParentRefusals(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--die-with-parent")
	c := r.Container()
	wants(t, r.Do("run", "--die-with-parent", "--detach", "-b", c.Bundle, c.ID), 1, "a detached container has no parent")
	c.Edit(rig.HostNamespace(specs.PIDNamespace))
	wants(t, r.Do("run", "--die-with-parent", "-b", c.Bundle, c.ID), 1, "no PID namespace of the container's own")
}

// Whenever minirun is killed, before, while or after the kernel is asked to
// watch for that, nobody is left.
func TestDieWithParentAtAnyTime(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--die-with-parent")
	c := r.Container(family)
	for delay := time.Duration(0); delay < 30*time.Millisecond; delay += time.Millisecond {
		call := c.Spawn([]string{"run", "--die-with-parent", "--bundle", c.Bundle, c.ID})
		time.Sleep(delay)
		call.Signal(unix.SIGKILL)
		call.Wait()
		if !rig.Eventually(func() bool { rig.ReapOrphans(); return len(rig.OurProcesses()) == 0 }) {
			t.Fatalf("killed after %v: %v are left", delay, rig.OurProcesses())
		}
		c.MustDelete("--force")
	}
}
