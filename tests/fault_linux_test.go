package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// everything is a bundle with something of each phase of the plan.
func everything(s *specs.Spec) {
	timeout := 20
	for _, when := range []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} {
		if s.Hooks == nil {
			s.Hooks = &specs.Hooks{}
		}
		addHook(s.Hooks, when, specs.Hook{Path: "/bin/true", Timeout: &timeout})
	}
	umask := uint32(0o027)
	s.Process.Args = []string{"sleep", "100"}
	s.Process.Cwd = "/var/lib/made"
	s.Process.User = specs.User{UID: 1000, GID: 1000, Umask: &umask, AdditionalGids: []uint32{5, 6}}
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 512, Hard: 512}}
	s.Process.NoNewPrivileges = true
	s.Root.Readonly = true
	s.Hostname, s.Domainname = "faulty", "example"
	s.Linux.Sysctl = map[string]string{"kernel.shmmax": "65536"}
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/made", Type: "c", Major: 1, Minor: 3, UID: new(uint32)}}
	s.Linux.MaskedPaths = []string{"/proc/kcore", "/proc/acpi", "/no/such"}
	s.Linux.ReadonlyPaths = []string{"/proc/bus", "/no/such"}
	s.Linux.RootfsPropagation = "private"
	s.Mounts = append(s.Mounts,
		specs.Mount{Destination: "/deep/er/mount", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "mode=700"}},
		specs.Mount{Destination: "/deep/file", Type: "bind", Source: "/etc/hostname", Options: []string{"bind", "ro", "rslave"}},
		specs.Mount{Destination: "/etc", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}},
		specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "ro"}})
}

// step is one line of `plan --format json`.
type step struct {
	Number int `json:"step"`
	Call   string
	Text   string
	Why    string
	On     map[string]int
}

func planOf(r *rig.Rig, c *rig.Container) []step {
	r.Helper()
	var steps []step
	if err := json.Unmarshal([]byte(r.OK("plan", "--format", "json", c.Bundle).Stdout), &steps); err != nil {
		r.Fatal(err)
	}
	return steps
}

// Whatever step fails, and with whatever errno, nothing is left behind and the
// message names the step; an errno that the plan expects is no failure.
func TestEveryStepMayFail(t *testing.T) {
	for name, mods := range map[string][]rig.Mod{
		"direct": {everything},
		"staged": {rig.Sh("exit 0")},
		"init":   {annotate("minirun.init", "true"), rig.Args("sleep", "100")},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("a plan whose steps can be failed one by one")
			r.Faulty()
			switch name {
			case "init": // its own steps: the others are as in direct
				c := r.Container(mods...)
				steps := planOf(r, c)
				begin := slices.IndexFunc(steps, func(s step) bool { return s.Why == "signals wait until the init takes them" })
				failEachStep(r, c, nil, steps[begin:])
			case "staged":
				host := r.Container(rig.Args("sleep", "1000")).MustCreate().MustStart()
				mods = append(mods, rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", host.Pid())))
				c := r.Container(mods...)
				failEachStep(r, c, host, planOf(r, c))
			default:
				c := r.Container(mods...)
				failEachStep(r, c, nil, planOf(r, c))
			}
		})
	}
}

// What a user namespace has of its own is the stage; the rest is as above.
func TestEveryStepIntoAUserNamespaceMayFail(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("a plan whose steps can be failed one by one")
	r.Faulty()
	c := mappedContainer(r, rig.Sh("exit 0"), rig.Bind(r.Mkdir("volume"), "/volume"))
	steps := planOf(r, c)
	end := slices.IndexFunc(steps, func(s step) bool { return s.Call == "exit_group" })
	if end < 0 {
		t.Fatal("the plan has no stage")
	}
	failSteps(r, c, nil, steps[:end+1], unix.EPERM)
}

func failEachStep(r *rig.Rig, c, host *rig.Container, steps []step) {
	r.Helper()
	errnos := []unix.Errno{unix.EPERM, unix.ENOENT, unix.ENOMEM}
	if testing.Short() {
		errnos = errnos[:1]
	}
	failSteps(r, c, host, steps, errnos...)
}

func failSteps(r *rig.Rig, c, host *rig.Container, steps []step, errnos ...unix.Errno) {
	r.Helper()
	failed, calls := 0, 0
	for _, s := range steps {
		if s.Call == "" {
			continue
		}
		calls++
		for _, errno := range errnos {
			if failStep(r, c, s, errno) {
				failed++
			}
		}
		if host == nil {
			r.CheckClean(s.Text)
		}
		if r.Failed() {
			return
		}
	}
	if failed < calls/2 {
		r.Errorf("only %d failures of %d calls", failed, calls)
	}
}

// failStep creates and starts the container with one step failing, and tells
// whether that was an error.
func failStep(r *rig.Rig, c *rig.Container, s step, errno unix.Errno) bool {
	r.Helper()
	what := fmt.Sprintf("step %d, %s: %v", s.Number, s.Text, errno)
	env := append(os.Environ(), fmt.Sprintf("MINIRUN_FAIL=%d:%d", s.Number, errno))
	x := c.CreateWith([]rig.Option{rig.Env(env...)})
	if x.Code == 0 {
		x = c.Start()
		if del := c.Delete("--force"); del.Code != 0 {
			r.Errorf("%s: delete --force: %s", what, del.Stderr)
		}
	} else if c.Exists() {
		r.Errorf("%s: the failed create left its directory", what)
	}
	_, expected := s.On[unix.ErrnoName(errno)]
	switch {
	case x.Code == 0 && !expected:
		// A step that this run does not come to, because another way is taken, cannot fail it.
		return false
	case x.Code != 0 && !expected && !saysWhy(x.Stderr, s):
		r.Errorf("%s: the message does not name the step: %s", what, x.Stderr)
	case x.Code != 0 && strings.Count(x.Stderr, "\n") != 1:
		r.Errorf("%s: not one line: %s", what, x.Stderr)
	}
	return x.Code != 0
}

// saysWhy tells whether a message names the step that failed. There are two at
// which nobody reads reports: create has ended, and to start the image is not
// yet connected (accept4), or has not yet put the connection in the place of
// create's pipe (dup3). Of them all that can be known is that the init is gone,
// and start has to say that, whether it looks before the end or after it.
func saysWhy(message string, s step) bool {
	if s.Call == "accept4" || strings.HasPrefix(s.Text, "dup3(conn, ") {
		return strings.Contains(message, "init ended before it could execute the program") || s.Call == "accept4" && strings.Contains(message, "has stopped")
	}
	return strings.Contains(message, fmt.Sprintf("step %d of ", s.Number))
}

// A SIGKILL of minirun at any of its phases leaves nothing that the next
// delete --force does not remove.
func TestMinirunMayBeKilledAtAnyPhase(t *testing.T) {
	for _, c := range []struct{ verb, phase string }{
		{"create", "record"}, {"create", "cloned"}, {"create", "grouped"}, {"create", "joined"},
		{"create", "released"}, {"create", "ready"}, {"create", "settled"},
		{"run", "record"}, {"run", "cloned"}, {"run", "grouped"}, {"run", "joined"}, {"run", "released"},
		{"start", "start"}, {"start", "connected"},
		{"delete", "ended"}, {"delete", "ungrouped"},
	} {
		t.Run(c.verb+" "+c.phase, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("phases at which it can be killed")
			r.Faulty()
			box := r.Container(everything, rig.Args("sleep", "100"))
			killed := []rig.Option{rig.Env(append(os.Environ(), "MINIRUN_KILL_AT="+c.phase)...)}
			x := verbKilled(box, c.verb, killed)
			if x.Code != 128+int(unix.SIGKILL) {
				t.Fatalf("code %d, want a SIGKILL: %s", x.Code, x.Stderr)
			}
			if x := box.Delete("--force"); x.Code != 0 {
				t.Errorf("delete --force: code %d: %s", x.Code, x.Stderr)
			}
			r.CheckClean(c.phase)
			box.MustCreate().MustStart()
			box.MustDelete("--force")
		})
	}
}

func verbKilled(c *rig.Container, verb string, opts []rig.Option) rig.Result {
	c.Helper()
	switch verb {
	case "create":
		return c.CreateWith(opts)
	case "run":
		return c.DoWith(opts, "run", "--bundle", c.Bundle, c.ID)
	case "start":
		return c.MustCreate().DoWith(opts, "start", c.ID)
	}
	return c.MustCreate().MustStart().DoWith(opts, "delete", "--force", c.ID)
}

// The state directory of a container is the only one that a verb makes in its root.
func TestRootHoldsNothingButContainers(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("its state root")
	c := r.Container(rig.Args("sleep", "100")).MustCreate()
	entries, err := os.ReadDir(filepath.Dir(filepath.Join(r.Root, c.ID)))
	if err != nil || len(entries) != 1 || entries[0].Name() != c.ID {
		t.Errorf("%v, %v", entries, err)
	}
}
