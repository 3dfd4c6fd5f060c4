package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// Moments are the hooks in the order of their calls (runtime-spec, "Lifecycle").
var moments = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// hook is one hook that runs a shell script of the host.
func hook(when, script string) *specs.Hooks {
	h := &specs.Hooks{}
	addHook(h, when, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}})
	return h
}

// addHook adds a hook to the list of its name.
func addHook(h *specs.Hooks, when string, add specs.Hook) {
	list := map[string]*[]specs.Hook{
		//lint:ignore SA1019 docker's hook
		"prestart": &h.Prestart, "createRuntime": &h.CreateRuntime, "createContainer": &h.CreateContainer,
		"startContainer": &h.StartContainer, "poststart": &h.Poststart, "poststop": &h.Poststop,
	}[when]
	*list = append(*list, add)
}

// allHooks has a script at every moment; %s in it is the moment.
func allHooks(script string) rig.Mod {
	return func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{}
		for _, m := range moments {
			addHook(s.Hooks, m, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", strings.ReplaceAll(script, "%s", m)}})
		}
	}
}

// notes is a directory that the host and the container see under one name:
// hooks of both write there.
func notes(r *rig.Rig) (dir string, mod rig.Mod) {
	r.Helper()
	dir = r.Mkdir("notes")
	if err := os.Chmod(dir, 0o777); err != nil {
		r.Fatal(err)
	}
	return dir, rig.Bind(dir, dir)
}

func TestHooksAreCalledInOrder(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 calls poststart in create, before the process is started (runc#4347)")
	r.Finding(rig.Crun, "1.8.1 does not wait for startContainer hooks before it calls poststart")
	dir, mount := notes(r)
	c := r.Container(mount, allHooks("echo %s >> "+dir+"/log"), rig.Sh("echo process >> "+dir+"/log; sleep 1000"))
	expect := func(after, want string) {
		t.Helper()
		if got := strings.ReplaceAll(strings.TrimSpace(r.Read(dir+"/log")), "\n", " "); got != want {
			t.Errorf("after %s: %s\n  not %s", after, got, want)
		}
	}
	c.MustCreate()
	expect("create", "prestart createRuntime createContainer")
	c.MustStart()
	rig.Eventually(func() bool { return strings.Contains(r.Read(dir+"/log"), "process") })
	log := r.Read(dir + "/log")
	for _, later := range []string{"process", "poststart"} {
		if strings.Index(log, later) < strings.Index(log, "startContainer") {
			t.Errorf("%s is before startContainer in %q", later, log)
		}
	}
	c.Stop()
	if strings.Contains(r.Read(dir+"/log"), "poststop") {
		t.Error("poststop before the delete")
	}
	c.MustDelete()
	if log := strings.TrimSpace(r.Read(dir + "/log")); !strings.HasSuffix(log, "poststop") || strings.Count(log, "\n") != 6 {
		t.Errorf("in the end %q", log)
	}
}

// Several hooks of one moment are called in their order, each after the other's end.
func TestHooksOfOneMoment(t *testing.T) {
	for _, m := range moments {
		t.Run(m, func(t *testing.T) {
			r := rig.New(t)
			dir, mount := notes(r)
			c := r.Container(mount, rig.Sh("sleep 0.1"), func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{}
				for i := range 5 {
					addHook(s.Hooks, m, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", fmt.Sprintf("sleep 0.0%d; echo -n %d >> %s/log", 5-i, i, dir)}})
				}
			})
			c.MustCreate().MustStart()
			c.WaitStopped()
			c.MustDelete()
			if got := r.Read(dir + "/log"); got != "01234" {
				t.Errorf("order %s", got)
			}
		})
	}
}

func TestHooksGetTheStateOnStdin(t *testing.T) {
	want := map[string]string{
		"prestart": "created", "createRuntime": "creating", "createContainer": "creating",
		"startContainer": "created", "poststart": "running", "poststop": "stopped",
	}
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 writes a state without bundle and pid for startContainer")
	dir, mount := notes(r)
	c := r.Container(mount, allHooks("cat > "+dir+"/%s"), rig.Sh("sleep 1000"), func(s *specs.Spec) { s.Annotations = map[string]string{"k": "v"} })
	c.MustCreate()
	pid := c.Pid()
	c.MustStart()
	c.Stop()
	c.MustDelete()
	for _, m := range moments {
		var s specs.State
		if err := json.Unmarshal([]byte(r.Read(dir+"/"+m)), &s); err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if s.ID != c.ID || s.Bundle != c.Bundle || s.Version == "" || s.Annotations["k"] != "v" {
			t.Errorf("%s: state %+v", m, s)
		}
		wantPid := pid
		switch {
		case m == "poststop":
			wantPid = 0
		case m == "startContainer" || m == "createContainer":
			wantPid = s.Pid // the pid that its namespace has for it is as good
		}
		if s.Pid != wantPid {
			t.Errorf("%s: pid %d, not %d", m, s.Pid, wantPid)
		}
		// prestart was of start before there was createRuntime, and "created" then.
		if string(s.Status) != want[m] && !(m == "prestart" && s.Status == "created") && r.Runtime.Kind == rig.Minirun {
			t.Errorf("%s: status %q, not %q", m, s.Status, want[m])
		}
	}
}

// createContainer is called in the container's namespaces before pivot_root,
// startContainer after it; the others in the runtime's.
func TestHooksNamespacesAndRoot(t *testing.T) {
	r := rig.New(t)
	dir, mount := notes(r)
	script := "(readlink /proc/self/ns/mnt; readlink /proc/self/ns/uts; [ -e " + r.Dir + "/tmp ] && echo host; echo .) > " + dir + "/%s"
	c := r.Container(mount, allHooks(script), rig.Sh("sleep 1000"))
	c.MustCreate()
	inMnt, inUTS := nsOf(t, c.Pid(), "mnt"), nsOf(t, c.Pid(), "uts")
	outMnt, outUTS := nsOf(t, "self", "mnt"), nsOf(t, "self", "uts")
	c.MustStart()
	c.Stop()
	c.MustDelete()
	for _, m := range moments {
		f := strings.Fields(r.Read(dir + "/" + m))
		if len(f) < 3 {
			t.Errorf("%s: %v", m, f)
			continue
		}
		mnt, uts, host := outMnt, outUTS, true
		switch m {
		case "createContainer":
			mnt, uts = inMnt, inUTS
		case "startContainer":
			mnt, uts, host = inMnt, inUTS, false
		}
		if f[0] != mnt || f[1] != uts || (f[2] == "host") != host {
			t.Errorf("%s: %v, not %s %s host=%v", m, f, mnt, uts, host)
		}
	}
}

func TestHooksArgsAndEnv(t *testing.T) {
	r := rig.New(t)
	dir, mount := notes(r)
	c := r.Container(mount, rig.Sh("sleep 1000"), func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{}
		for _, m := range moments {
			addHook(s.Hooks, m, specs.Hook{
				Path: "/bin/sh", Args: []string{"sh", "-c", `echo "$0|$1|$A|$(env | wc -l)" > "$1"`, "zero", dir + "/" + m}, Env: []string{"A=b c", "PATH=/bin:/usr/bin"},
			})
		}
	})
	c.MustCreate().MustStart()
	rig.Eventually(func() bool { _, err := os.Stat(dir + "/startContainer"); return err == nil })
	c.MustDelete("--force")
	for _, m := range moments {
		got := strings.TrimSpace(r.Read(dir + "/" + m))
		if !strings.HasPrefix(got, "zero|"+dir+"/"+m+"|b c|") {
			t.Errorf("%s: %s", m, got)
		}
	}
}

// A hook that does not read its stdin, or ends at once, is no error.
func TestHookThatDoesNotRead(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 fails with EPIPE")
	c := r.Container(allHooks("exec <&-; exit 0"), rig.Sh("exit 3"))
	c.Edit(func(s *specs.Spec) { s.Annotations = map[string]string{"large": strings.Repeat("x", 200000)} })
	if x := c.Run(); x.Code != 3 {
		t.Errorf("code %d, not 3: %s", x.Code, x.Stderr)
	}
}

// What a hook writes does not become the container's output.
func TestHooksAreNotPartOfTheOutput(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("stdout is the container's alone")
	x := r.Container(allHooks("echo noise from %s"), rig.Sh("echo process")).Run()
	if x.Stdout != "process\n" {
		t.Errorf("stdout %q", x.Stdout)
	}
}

func TestFailedHooks(t *testing.T) {
	for _, c := range []struct {
		moment        string
		create, start bool // succeed
	}{
		{"prestart", false, false}, {"createRuntime", false, false}, {"createContainer", false, false},
		{"startContainer", true, false}, {"poststart", true, false}, {"poststop", true, true},
	} {
		t.Run(c.moment, func(t *testing.T) {
			r := rig.New(t)
			switch c.moment {
			case "startContainer":
				r.MinirunOnly("start reports what its hooks do")
			case "poststart":
				r.Finding(rig.Runc, "1.1.5 calls it in create (runc#4347)")
				r.Finding(rig.Crun, "1.8.1 only warns: that was the specification before 1.3")
			}
			dir, mount := notes(r)
			k := r.Container(mount, rig.Sh("echo process > "+dir+"/process; sleep 1000"))
			k.Spec.Hooks = hook(c.moment, "echo called >> "+dir+"/log; echo why >&2; exit 9")
			addHook(k.Spec.Hooks, c.moment, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo second >> " + dir + "/log"}})
			k.Edit()
			x := k.Create()
			if (x.Code == 0) != c.create {
				t.Fatalf("create: code %d: %s", x.Code, x.Stderr)
			}
			if x.Code == 0 {
				x = k.Start()
				if (x.Code == 0) != c.start {
					t.Errorf("start: code %d: %s", x.Code, x.Stderr)
				}
			}
			if x.Code != 0 && r.Runtime.Kind == rig.Minirun && (!strings.Contains(x.Message(), c.moment) || !strings.Contains(x.Message(), "9")) {
				t.Errorf("the message names neither hook nor code: %s", x.Message())
			}
			if !c.start && c.moment != "poststart" {
				if _, err := os.Stat(dir + "/process"); err == nil {
					t.Error("the process ran")
				}
			}
			if !c.create && k.Exists() {
				t.Error("the container is still there")
			}
			if k.Exists() {
				if x := k.Delete("--force"); x.Code != 0 { // it may warn
					t.Errorf("delete: %s", x.Stderr)
				}
			}
			log := r.Read(dir + "/log")
			if second := strings.Contains(log, "second"); second != (c.moment == "poststop") && r.Runtime.Kind == rig.Minirun {
				t.Errorf("hooks called: %q", log)
			}
		})
	}
}

func TestHookTimeout(t *testing.T) {
	for _, m := range moments[:4] {
		t.Run(m, func(t *testing.T) {
			r := rig.New(t)
			if m == "startContainer" {
				r.MinirunOnly("start reports what its hooks do")
			}
			r.Finding(rig.Runc, "1.1.5 kills a hook past its time and then waits for what holds its output")
			c := r.Container(rig.Sh("sleep 1000"))
			c.Spec.Hooks = hook(m, "exec sleep 20")
			(*map[string]*[]specs.Hook{
				//lint:ignore SA1019 docker's hook
				"prestart": &c.Spec.Hooks.Prestart, "createRuntime": &c.Spec.Hooks.CreateRuntime,
				"createContainer": &c.Spec.Hooks.CreateContainer, "startContainer": &c.Spec.Hooks.StartContainer,
			}[m])[0].Timeout = ptr(1)
			c.Edit()
			begun := time.Now()
			x := c.Create()
			if m == "startContainer" {
				x = c.Start()
			}
			if x.Code == 0 {
				t.Error("a hook past its time is no error")
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("a timeout of 1 s took %v", took)
			}
			if c.Exists() {
				c.MustDelete("--force")
			}
		})
	}
}

func TestMissingHook(t *testing.T) {
	for _, m := range moments[:4] {
		t.Run(m, func(t *testing.T) {
			r := rig.New(t)
			if m == "startContainer" {
				r.MinirunOnly("start reports what its hooks do")
			}
			c := r.Container()
			c.Spec.Hooks = &specs.Hooks{}
			addHook(c.Spec.Hooks, m, specs.Hook{Path: "/no/such/hook"})
			c.Edit()
			x := c.Create()
			if x.Code == 0 {
				x = c.Start()
			}
			if x.Code == 0 || r.Runtime.Kind == rig.Minirun && !strings.Contains(x.Message(), "no such file") {
				t.Errorf("code %d: %s", x.Code, x.Stderr)
			}
			if c.Exists() {
				c.MustDelete("--force")
			}
		})
	}
}

// Hooks of the runtime's namespaces have its cgroup: they are no part of the container.
func TestRuntimeHooksAreOutsideTheCgroup(t *testing.T) {
	r := rig.New(t)
	dir, mount := notes(r)
	c := r.Container(mount, allHooks("cat /proc/self/cgroup > "+dir+"/%s"), rig.Sh("sleep 1000")).MustCreate().MustStart()
	c.MustDelete("--force")
	for _, m := range []string{"prestart", "createRuntime", "poststart", "poststop"} {
		if got := r.Read(dir + "/" + m); strings.Contains(got, c.ID) {
			t.Errorf("%s is in the container's cgroup", m)
		}
	}
}
