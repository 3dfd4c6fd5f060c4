package nsinit

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The mount shows what the cgroup namespace is rooted at when it is made, so
// that it must not be made before the namespace is.
func TestCgroup2IsMountedInItsNamespace(t *testing.T) {
	base := func() *specs.Spec {
		return &specs.Spec{Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
			Mounts: []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}}},
			Linux:  &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}}}}
	}
	own := specs.LinuxNamespace{Type: specs.CgroupNamespace}
	user := specs.LinuxNamespace{Type: specs.UserNamespace}
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		typ        string
		order      []string
	}{
		"new":                        {[]specs.LinuxNamespace{own}, "cgroup", []string{"unshare(CLONE_NEWCGROUP)", `fsopen("cgroup2"`}},
		"new, named cgroup2":         {[]specs.LinuxNamespace{own}, "cgroup2", []string{"unshare(CLONE_NEWCGROUP)", `fsopen("cgroup2"`}},
		"new, in a user namespace":   {[]specs.LinuxNamespace{own, user}, "cgroup", []string{"unshare(CLONE_NEWCGROUP)", `fsopen("cgroup2"`}},
		"none":                       {nil, "cgroup", []string{`write("cgroup.procs", pid)`, `fsopen("cgroup2"`}},
		"none, in a user namespace":  {[]specs.LinuxNamespace{user}, "cgroup", []string{`write("cgroup.procs", pid)`, `open_tree(AT_FDCWD, "/sys/fs/cgroup/web"`}},
		"joined, and user namespace": {[]specs.LinuxNamespace{{Type: specs.CgroupNamespace, Path: "/n"}, user}, "cgroup", []string{"setns(", `open_tree(AT_FDCWD, "/sys/fs/cgroup/web"`}},
	} {
		s := base()
		s.Linux.Namespaces = append(s.Linux.Namespaces, c.namespaces...)
		s.Mounts[0].Type = c.typ
		if len(c.namespaces) > 0 && c.namespaces[len(c.namespaces)-1].Type == specs.UserNamespace {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}
		f := testFacts(s, "amd64")
		f.Cgroups = []CgroupMount{{Dir: "/sys/fs/cgroup/web"}}
		p, err := Compile(s, f)
		if err == nil {
			err = Lint(p)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rest := printed(t, p)
		for _, step := range c.order {
			_, after, ok := strings.Cut(rest, step)
			if !ok {
				t.Errorf("%s: no %s after the others in\n%s", name, step, printed(t, p))
				break
			}
			rest = after
		}
	}
}
