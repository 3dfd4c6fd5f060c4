package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// recorded is a container of what an engine wrote; namespaces that it joins
// are those of another container.
func recorded(r *rig.Rig, name string) *rig.Container {
	r.Helper()
	c := r.Container()
	s, err := rig.Recorded(name)
	if err != nil {
		r.Fatal(err)
	}
	if err := rig.Adapt(s, r.Mkdir("engine"), c.ID); err != nil {
		r.Fatal(err)
	}
	var other *rig.Container
	for i, n := range s.Linux.Namespaces {
		if n.Path == "" {
			continue
		}
		if other == nil {
			other = r.Container().MustCreate().MustStart()
		}
		s.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/%s", other.Pid(), kinds[n.Type])
	}
	c.Spec = s
	c.Edit()
	return c
}

// Engines keep the program until TERM, which it turns into code 7.
func TestRecordedConfigsLive(t *testing.T) {
	for _, name := range []string{"ctr", "ctr2", "podman", "docker"} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			log := r.Path("log.json")
			r.Global = []string{"--log", log, "--log-format", "json"}
			if name == "ctr2" {
				r.Finding(rig.Crun, "1.8.1 knows no ociVersion 1.3.0")
			}
			c := recorded(r, name)
			c.MustCreate("--pid-file", r.Path("init.pid"))
			pid := c.Pid()
			c.MustStart()
			rig.Eventually(func() bool { return c.ProcStatus(pid, "SigCgt") > "0000000000004000" })
			if c.Spec.Hooks != nil {
				if got := strings.TrimSpace(r.Read(r.Path("engine/hook"))); got != nsOf(t, pid, "net") {
					t.Errorf("the hook saw network namespace %s", got)
				}
			}
			if x := r.Do("kill", c.ID, "15"); x.Code != 0 {
				t.Errorf("kill: %s", x.Stderr)
			}
			if code := rig.Reap(pid); code != 7 {
				t.Errorf("code %d, not 7", code)
			}
			c.WaitStopped()
			if x := r.Do("kill", "--all", c.ID, "9"); x.Code != 0 {
				t.Errorf("kill --all of a stopped container: %s", x.Stderr)
			}
			c.MustDelete()
			c.MustDelete("--force")
			if got := r.Read(log); got != "" {
				t.Errorf("log: %s", got)
			}
		})
	}
}

func TestRecordedConfigsRun(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"docker-hostpid", "pid:["}, {"docker-joinpidns", "sleep 1000"}, {"podman-joinpidns", "sleep 1000"}, {"ctr-joinpidns", "sleep 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rig.New(t)
			if got := recorded(r, c.name).Output(); !strings.Contains(got, c.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestRecordedTerminals(t *testing.T) {
	for _, name := range []string{"ctr-tty", "docker-tty"} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			c := recorded(r, name)
			sock, wait := r.Receive("pty.sock")
			c.MustCreate("--console-socket", sock)
			term := r.Attach(nonblocking(t, wait().File))
			c.MustStart()
			term.Expect(r, "alltty")
			c.WaitStopped()
			c.MustDelete()
		})
	}
}

// A pod: a sandbox, and containers in its namespaces that end without it.
func TestRecordedPod(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 knows no ociVersion 1.3.0")
	sandbox := recorded(r, "cri2-sandbox")
	sandbox.Edit(rig.Args("/bin/sleep", "1000"))
	sandbox.MustCreate().MustStart()
	for _, name := range []string{"cri2-container", "cri2-podpid-container"} {
		c := recorded(r, name)
		c.Edit(func(s *specs.Spec) {
			for i, n := range s.Linux.Namespaces {
				if n.Path != "" && n.Type != specs.UTSNamespace && n.Type != specs.NetworkNamespace {
					s.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/ns/%s", sandbox.Pid(), kinds[n.Type])
				}
			}
		})
		c.MustCreate().MustStart()
		pid := c.Pid()
		r.OK("kill", c.ID, "9")
		if code := rig.Reap(pid); code != 137 {
			t.Errorf("%s: code %d, not 137", name, code)
		}
		c.WaitStopped()
		r.OK("kill", "--all", c.ID, "9")
		c.MustDelete()
	}
	if got := sandbox.Status(); got != "running" {
		t.Errorf("the sandbox is %s", got)
	}
}

// The profiles of docker and podman are meant for programs of every kind, and
// so for the built-in init too.
func TestRecordedConfigsRunUnderTheBuiltInInit(t *testing.T) {
	for _, name := range []string{"docker", "podman"} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--init")
			c := recorded(r, name)
			c.Edit(rig.Sh("cat /proc/1/status; (sleep 0.01 &) ; unshare -m true; exit 7"))
			x := c.Run("--init")
			if x.Code != 7 || rig.Field(x.Stdout, "Name") != "minirun-init" || rig.Field(x.Stdout, "Seccomp") != "2" ||
				!strings.Contains(x.Stderr, "unshare: unshare(0x20000): Operation not permitted") {
				t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
			}
		})
	}
}
