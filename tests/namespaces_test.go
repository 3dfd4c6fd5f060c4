package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// kinds are the namespaces with the name of each in /proc/PID/ns.
var kinds = map[specs.LinuxNamespaceType]string{
	specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts",
	specs.MountNamespace: "mnt", specs.CgroupNamespace: "cgroup",
}

func nsOf(t *testing.T, pid any, kind string) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%v/ns/%s", pid, kind))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestNewNamespaces(t *testing.T) {
	c := rig.New(t).Container(rig.Namespace(specs.CgroupNamespace, "")).MustCreate()
	pid := c.Pid()
	for _, kind := range kinds {
		if nsOf(t, pid, kind) == nsOf(t, "self", kind) {
			t.Errorf("the container is in the host's %s namespace", kind)
		}
	}
	for _, kind := range []string{"user", "time"} {
		if nsOf(t, pid, kind) != nsOf(t, "self", kind) {
			t.Errorf("the container is in a new %s namespace", kind)
		}
	}
}

func TestHostNamespaces(t *testing.T) {
	for typ, kind := range kinds {
		if typ == specs.MountNamespace {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			c := rig.New(t).Container(rig.HostNamespace(typ))
			c.Edit(func(s *specs.Spec) {
				if typ == specs.UTSNamespace {
					s.Hostname = ""
				}
				if typ == specs.NetworkNamespace || typ == specs.IPCNamespace {
					s.Linux.Sysctl = nil
				}
			})
			c.MustCreate()
			if nsOf(t, c.Pid(), kind) != nsOf(t, "self", kind) {
				t.Errorf("the container is not in the host's %s namespace", kind)
			}
			c.MustDelete("--force")
		})
	}
}

func TestJoinedNamespaces(t *testing.T) {
	for typ, kind := range kinds {
		if typ == specs.MountNamespace {
			continue // below: it has the other's root
		}
		t.Run(kind, func(t *testing.T) {
			r := rig.New(t)
			other := r.Container(rig.Namespace(specs.CgroupNamespace, "")).MustCreate().MustStart()
			c := r.Container(rig.Namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", other.Pid(), kind)))
			c.Edit(func(s *specs.Spec) {
				if typ == specs.UTSNamespace {
					s.Hostname = ""
				}
			})
			c.MustCreate().MustStart()
			if nsOf(t, c.Pid(), kind) != nsOf(t, other.Pid(), kind) {
				t.Errorf("the %s namespace is not the one that was named", kind)
			}
			for _, k := range []string{"pid", "net", "ipc", "uts", "mnt"} {
				if k != kind && nsOf(t, c.Pid(), k) == nsOf(t, other.Pid(), k) {
					t.Errorf("and the %s namespace is shared", k)
				}
			}
			c.MustDelete("--force")
			if got := other.Status(); got != "running" {
				t.Errorf("the other container is %s", got)
			}
		})
	}
}

// In a PID namespace joined by path the program is not PID 1, sees the peer's
// PID 1, and its end leaves the peer alone.
func TestJoinedPIDNamespace(t *testing.T) {
	r := rig.New(t)
	other := r.Container().MustCreate().MustStart()
	join := rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", other.Pid()))
	c := r.Container(join, rig.Sh("cat /proc/1/cmdline | tr '\\0' ' '; echo; grep NSpid /proc/self/status; echo me=$$; exit 13"))
	x := c.Run()
	if x.Code != 13 {
		t.Errorf("code %d, not 13: %s", x.Code, x.Stderr)
	}
	if !strings.HasPrefix(x.Stdout, "sleep 1000") || strings.Contains(x.Stdout, "me=1\n") {
		t.Errorf("inside: %s", x.Stdout)
	}
	if got := other.Status(); got != "running" {
		t.Errorf("the peer is %s", got)
	}
}

// podman deletes such a container without --all: what its init left in the
// shared namespace ends with the delete.
func TestDeleteEndsLeftoversInAJoinedPIDNamespace(t *testing.T) {
	r := rig.New(t)
	other := r.Container().MustCreate().MustStart()
	join := rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", other.Pid()))
	c := r.Container(join, rig.Sh("setsid sleep 1000 & sleep 0.1; exit 0")).MustCreate()
	pid := c.Pid()
	c.MustStart()
	rig.Reap(pid)
	c.WaitStopped()
	if procs := r.Read(c.Cgroup("pids") + "/cgroup.procs"); strings.TrimSpace(procs) == "" {
		t.Fatal("nothing is left to end")
	}
	c.MustDelete("--force")
	if got := other.Status(); got != "running" {
		t.Errorf("the peer is %s", got)
	}
}

// containerd calls kill --all after the init's end when the PID namespace is
// not the container's own; it has to reach what is left.
func TestKillAllReachesLeftovers(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.HostNamespace(specs.PIDNamespace), rig.Sh("setsid sleep 1000 & sleep 0.1; exit 0")).MustCreate()
	pid := c.Pid()
	c.MustStart()
	rig.Reap(pid)
	if x := c.Do("kill", "--all", c.ID, "9"); x.Code != 0 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	if !rig.Eventually(func() bool { rig.ReapOrphans(); return len(rig.OurProcesses()) == 0 }) {
		t.Error("processes are left")
	}
	c.MustDelete()
}

// The death of a joined namespace's init ends the container with it.
func TestPeersEndEndsTheJoined(t *testing.T) {
	r := rig.New(t)
	other := r.Container().MustCreate().MustStart()
	c := r.Container(rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", other.Pid()))).MustCreate().MustStart()
	other.Stop()
	c.WaitStopped()
	c.MustDelete()
	other.MustDelete()
}

func TestJoinedMountNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("a joined mount namespace: its root is taken, or it is refused by name")
	other := r.Container().MustCreate().MustStart()
	c := r.Container(rig.Namespace(specs.MountNamespace, fmt.Sprintf("/proc/%d/ns/mnt", other.Pid())), rig.Sh("ls /bin/busybox"))
	x := c.Run()
	if x.Code != 0 && !strings.Contains(x.Message(), "mount") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

func TestNamespacePathThatIsNone(t *testing.T) {
	for name, path := range map[string]string{"missing": "/no/such/ns", "a file": "/etc/passwd", "of another type": "/proc/self/ns/uts"} {
		t.Run(name, func(t *testing.T) {
			c := rig.New(t).Container(rig.Namespace(specs.IPCNamespace, path))
			if x := c.Create(); x.Code == 0 {
				t.Error("create succeeded")
			}
			if c.Exists() {
				t.Error("and left its state")
			}
		})
	}
}

func TestLoopbackIsUp(t *testing.T) {
	got := inside(t, rig.Sh("ip addr show lo; ping -c1 -W9 127.0.0.1 >/dev/null && echo pong; ls /sys/class/net"), rig.AllCaps())
	if !strings.Contains(got, "LOOPBACK,UP") || !strings.Contains(got, "127.0.0.1/8") || !strings.HasSuffix(got, "pong\nlo") {
		t.Errorf("%s", got)
	}
}

// A cgroup namespace's root is the container's own cgroup.
func TestCgroupNamespaceStartsAtTheContainersCgroup(t *testing.T) {
	got := inside(t, rig.Namespace(specs.CgroupNamespace, ""), rig.Args("cat", "/proc/self/cgroup"))
	for line := range strings.Lines(got) {
		if !strings.HasSuffix(strings.TrimSpace(line), ":/") {
			t.Errorf("cgroup %s", line)
		}
	}
}

func TestCgroupMount(t *testing.T) {
	for name, mods := range map[string][]rig.Mod{
		"in the host's namespace":   nil,
		"in a namespace of its own": {rig.Namespace(specs.CgroupNamespace, "")},
	} {
		t.Run(name, func(t *testing.T) {
			c := rig.New(t).Container(append(mods, rig.Sh(`if [ -e /sys/fs/cgroup/cgroup.procs ]; then d=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); else d=/sys/fs/cgroup/pids; fi
				grep -qx 1 $d/cgroup.procs && echo own; cat $d/pids.max; mkdir $d/x 2>&1`))...)
			c.Edit(func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(33))} })
			x := c.Run()
			if !strings.HasPrefix(x.Stdout, "own\n33\n") || !strings.Contains(x.Stdout, "Read-only file system") {
				t.Errorf("%s%s", x.Stdout, x.Stderr)
			}
		})
	}
}

// What is mounted of a hierarchy looks as if it had been mounted anew: rooted
// where the cgroup namespace is, and nobody's peer or slave.
func TestCgroupMountsArePrivateAndRootedInTheirNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		mods   []rig.Mod
		rooted bool // at "/", as seen from inside
	}{
		"in the host's namespace":   {nil, false},
		"in a namespace of its own": {[]rig.Mod{rig.Namespace(specs.CgroupNamespace, "")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			text, found := inside(t, append(c.mods, rig.Sh(showMounts))...), 0
			for _, m := range mountsIn(text) {
				if !strings.HasPrefix(m.fstype, "cgroup") {
					continue
				}
				found++
				told := c.rooted || m.fstype == "cgroup" // version 2 is rooted at "/" in the host's namespace too
				if m.optional != "" || told && (m.root == "/") != c.rooted {
					t.Errorf("%+v", m)
				}
			}
			if found == 0 {
				t.Error("no hierarchy in\n" + text)
			}
		})
	}
}

// ptr is the address of a value, as specs-go wants it.
func ptr[T any](v T) *T { return &v }
