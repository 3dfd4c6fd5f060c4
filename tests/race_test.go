package tests

import (
	"fmt"
	"strings"
	"testing"

	"minirun/tests/rig"
)

// together starts n calls as near to each other as can be and waits for all.
func together(r *rig.Rig, n int, args func(int) []string) []rig.Result {
	r.Helper()
	calls := make([]*rig.Call, n)
	for i := range calls {
		calls[i] = r.Spawn(args(i))
	}
	results := make([]rig.Result, n)
	for i, c := range calls {
		results[i] = c.Wait()
	}
	return results
}

// won are the results with code 0.
func won(all []rig.Result) (n int) {
	for _, x := range all {
		if x.Code == 0 {
			n++
		}
	}
	return n
}

func TestOneOfAHundredCreatesWins(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	all := together(r, 100, func(int) []string { return []string{"create", "--bundle", c.Bundle, c.ID} })
	if n := won(all); n != 1 {
		t.Errorf("%d creates won", n)
	}
	for _, x := range all {
		if x.Code != 0 && r.Runtime.Kind == rig.Minirun && !strings.Contains(x.Message(), "already exists") {
			t.Errorf("a loser says %q", x.Message())
		}
	}
	c.MustStart()
	if got := c.Status(); got != "running" {
		t.Errorf("status %s", got)
	}
	if procs := strings.Fields(r.Read(c.Cgroup("pids") + "/cgroup.procs")); len(procs) != 1 {
		t.Errorf("processes in the cgroup: %v", procs)
	}
	c.MustDelete("--force")
}

func TestOneOfManyStartsWins(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("echo started; sleep 1000")).MustCreate()
	all := together(r, 20, func(int) []string { return []string{"start", c.ID} })
	if n := won(all); n != 1 {
		t.Errorf("%d starts won", n)
	}
	if got := strings.Count(r.Read(r.Path("out1")), "started"); got != 1 {
		t.Errorf("the program was started %d times", got)
	}
	c.MustDelete("--force")
}

func TestRacingDeletes(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1: a delete --force that loses the race fails")
	for range 5 {
		c := r.Container().MustCreate().MustStart()
		for _, x := range together(r, 10, func(int) []string { return []string{"delete", "--force", c.ID} }) {
			if x.Code != 0 {
				t.Errorf("code %d: %s", x.Code, x.Stderr)
			}
		}
		if c.Exists() {
			t.Error("the container is still there")
		}
	}
}

// Whatever order verbs come in, each succeeds or fails with one clear line, and
// in the end everything can be deleted.
func TestRacingVerbs(t *testing.T) {
	r := rig.New(t)
	for round := range 15 {
		c := r.Container(rig.Sh("sleep 0.05"))
		verbs := [][]string{
			{"create", "--bundle", c.Bundle, c.ID}, {"start", c.ID}, {"kill", c.ID, "KILL"}, {"state", c.ID},
			{"delete", c.ID}, {"list"}, {"start", c.ID}, {"delete", "--force", c.ID},
		}
		all := together(r, len(verbs), func(i int) []string { return verbs[(i+round)%len(verbs)] })
		for _, x := range all {
			if lines := strings.Count(strings.TrimSpace(x.Stderr), "\n"); r.Runtime.Kind == rig.Minirun && lines > 0 {
				t.Errorf("%v: %s", x.Args, x.Stderr)
			}
			if strings.Contains(x.Stderr, "panic") {
				t.Errorf("%v: %s", x.Args, x.Stderr)
			}
		}
		c.MustDelete("--force")
	}
}

// Containers with different names do not disturb each other.
func TestContainersSideBySide(t *testing.T) {
	r := rig.New(t)
	const n = 30
	cs := make([]*rig.Container, n)
	for i := range cs {
		cs[i] = r.Container(rig.Sh(fmt.Sprintf("exit %d", i)))
	}
	for i, x := range together(r, n, func(i int) []string { return []string{"run", "--bundle", cs[i].Bundle, cs[i].ID} }) {
		if x.Code != i {
			t.Errorf("code %d, not %d: %s", x.Code, i, x.Stderr)
		}
	}
}

// state and kill answer while another verb works on the container.
func TestStateDuringCreate(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	c.Spec.Hooks = hook("createRuntime", "sleep 0.3")
	c.Edit()
	call := r.Spawn([]string{"create", "--bundle", c.Bundle, c.ID})
	for ended := false; !ended; {
		ended = rig.Stat(call.Cmd.Process.Pid).State == 'Z'
		x := r.Do("state", c.ID)
		switch {
		case x.Code == 0 && !strings.Contains(x.Stdout, `"creating"`) && !strings.Contains(x.Stdout, `"created"`):
			t.Errorf("state says %s", x.Stdout)
		case x.Code != 0 && !strings.Contains(x.Message(), "does not exist") && r.Runtime.Kind == rig.Minirun:
			t.Errorf("state fails: %s", x.Stderr)
		}
	}
	if x := call.Wait(); x.Code != 0 {
		t.Error(x.Stderr)
	}
	c.MustDelete()
}
