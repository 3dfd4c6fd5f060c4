package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func TestJoinedUserNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("it needs no mappings beside a path, and compares those it gets")
	other := mappedContainer(r).MustCreate().MustStart()
	path := fmt.Sprintf("/proc/%d/ns/user", other.Pid())
	for name, c := range map[string]struct {
		hostID uint32 // of the mappings that config.json repeats; 0 is none
		want   string // in the error
	}{
		"without mappings": {},
		"with its own":     {hostID: subid},
		"with others":      {hostID: subid + 1, want: "linux.uidMappings"},
	} {
		t.Run(name, func(t *testing.T) {
			box := mappedContainer(r, userNS(path), rig.Sh("id -u; readlink /proc/self/ns/user"))
			box.Edit(func(s *specs.Spec) {
				s.Linux.UIDMappings = nil
				if c.hostID != 0 {
					s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: c.hostID, Size: 65536}}
				}
				s.Linux.GIDMappings = s.Linux.UIDMappings
			})
			x := box.Run()
			switch want := "0\n" + nsOf(t, other.Pid(), "user") + "\n"; {
			case c.want != "" && (x.Code == 0 || !strings.Contains(x.Message(), c.want)):
				t.Errorf("code %d: %s, want %s", x.Code, x.Stderr, c.want)
			case c.want == "" && (x.Code != 0 || x.Stdout != want):
				t.Errorf("code %d: %s%s, want %s", x.Code, x.Stdout, x.Stderr, want)
			}
		})
	}
	other.MustDelete("--force")
}

// A namespace of the host's user namespace can be joined, because that comes
// before the container's own; what shows it cannot be mounted anew.
func TestUserNamespaceWithANetworkOfTheHosts(t *testing.T) {
	r := rig.New(t)
	other := r.Container().MustCreate().MustStart()
	for name, mod := range map[string]rig.Mod{
		"the host's own":   rig.HostNamespace(specs.NetworkNamespace),
		"joined":           rig.Namespace(specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", other.Pid())),
		"joined, and more": joinAll(other.Pid()),
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.Finding(rig.Runc, "1.1.5 has no sysfs where the network is not the user namespace's")
			r.Finding(rig.Crun, "1.8.1 joins it after the user namespace, which may not; the host's /sys lacks options")
			c := mappedContainer(r, mod, rig.AllCaps(), func(s *specs.Spec) { s.Hostname = "" },
				rig.Sh("ls -d /sys/class/net/lo; mount | grep -c 'on /sys type sysfs (ro,nosuid,nodev,noexec'; touch /sys/kernel/x 2>&1"))
			if x := c.Run(); x.Stdout != "/sys/class/net/lo\n1\ntouch: /sys/kernel/x: Read-only file system\n" && !strings.Contains(x.Stdout, "ermission denied") {
				t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
			}
		})
	}
	other.MustDelete("--force")
}

// isCgroup is of what only the owner of the cgroup namespace may mount.
func isCgroup(m specs.Mount) bool { return m.Type == "cgroup" }

func joinAll(pid int) rig.Mod {
	return func(s *specs.Spec) {
		for typ, kind := range map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts"} {
			rig.Namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", pid, kind))(s)
		}
		s.Mounts = append(s.Mounts[:4], s.Mounts[5:]...) // an mqueue belongs to the IPC namespace
	}
}

// What is the host's can be joined, and named, before the user namespace is entered.
func TestUserNamespaceWithNamesAndCgroupsOfTheHosts(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 sets the host name with the rights of the user namespace")
	r.Finding(rig.Crun, "1.8.1 joins after the user namespace, which may not")
	other := r.Container(rig.Namespace(specs.CgroupNamespace, "")).MustCreate().MustStart()
	ns := func(kind string) string { return fmt.Sprintf("/proc/%d/ns/%s", other.Pid(), kind) }
	c := mappedContainer(r, rig.Namespace(specs.CgroupNamespace, ns("cgroup")), rig.Namespace(specs.UTSNamespace, ns("uts")),
		func(s *specs.Spec) { s.Hostname, s.Mounts = "joint", slices.DeleteFunc(s.Mounts, isCgroup) }, rig.Sh("hostname; readlink /proc/self/ns/cgroup; readlink /proc/self/ns/uts; id -u"))
	want := strings.Join([]string{"joint", nsOf(t, other.Pid(), "cgroup"), nsOf(t, other.Pid(), "uts"), "0"}, "\n")
	if got := c.Output(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := other.OK("exec", other.ID, "hostname").Stdout; got != "joint\n" {
		t.Errorf("the other container's host name is %s", got)
	}
	other.MustDelete("--force")
}

func TestUserNamespaceInAJoinedPIDNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("procfs of another user namespace cannot be mounted, and it says so")
	other := r.Container().MustCreate().MustStart()
	pid := rig.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", other.Pid()))
	if x := mappedContainer(r, pid).Create(); x.Code == 0 || !strings.Contains(x.Message(), "proc on /proc: operation not permitted") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	bound := mappedContainer(r, pid, func(s *specs.Spec) {
		s.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
	}, rig.Sh("id -u; exit 13"))
	if x := bound.Run(); x.Code != 13 || x.Stdout != "0\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	other.MustDelete("--force")
}
