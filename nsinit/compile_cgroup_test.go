package nsinit

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The mount shows what the cgroup namespace is rooted at when it is made, so
// that it must not be made before the namespace is.
func TestCgroup2IsMountedInItsNamespace(t *testing.T) {
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
		ordered(t, name, cgroupPlan(t, c.typ, c.namespaces, CgroupMount{Dir: "/sys/fs/cgroup/web"}), c.order...)
	}
}

// What is bound is there before the process is in it, so that minirun can put
// it there beside the set-up.
func TestHierarchiesAreBoundBeforeTheProcessIsInItsCgroup(t *testing.T) {
	own := specs.LinuxNamespace{Type: specs.CgroupNamespace}
	joined := specs.LinuxNamespace{Type: specs.CgroupNamespace, Path: "/n"}
	user := specs.LinuxNamespace{Type: specs.UserNamespace}
	const made, in, unshare = "mkdir(cgroup)", `write("cgroup.procs", pid)`, "unshare(CLONE_NEWCGROUP)"
	const bound, private, anew = `open_tree(AT_FDCWD, "/sys/fs/cgroup/pids/web"`, "propagation=MS_PRIVATE}", `fsopen("cgroup"`
	for name, c := range map[string]struct {
		namespaces []specs.LinuxNamespace
		order      []string
	}{
		"none":                      {nil, []string{made, bound, private, "mknodat(", in}},
		"none, in a user namespace": {[]specs.LinuxNamespace{user}, []string{made, bound, private, in}},
		"new":                       {[]specs.LinuxNamespace{own}, []string{made, bound, private, "mknodat(", in, unshare}},
		"new, in a user namespace":  {[]specs.LinuxNamespace{own, user}, []string{in, unshare, anew}},
		"joined":                    {[]specs.LinuxNamespace{joined}, []string{in, "setns(", anew}},
	} {
		p := cgroupPlan(t, "cgroup", c.namespaces, CgroupMount{Name: "pids", Dir: "/sys/fs/cgroup/pids/web", Options: []string{"pids"}})
		ordered(t, name, p, c.order...)
		if p.AwaitsGroup != (c.order[0] == made) {
			t.Errorf("%s: the image waits for its cgroup: %v", name, p.AwaitsGroup)
		}
	}
}

// cgroupPlan is the plan of a container with a mount of cgroups.
func cgroupPlan(t *testing.T, typ string, namespaces []specs.LinuxNamespace, shown CgroupMount) *Plan {
	t.Helper()
	s := &specs.Spec{Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Mounts: []specs.Mount{{Destination: "/sys/fs/cgroup", Type: typ, Source: "cgroup", Options: []string{"ro"}}},
		Linux:  &specs.Linux{Namespaces: append([]specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}}, namespaces...)}}
	if slices.ContainsFunc(namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace }) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}
	f := testFacts(s, "amd64")
	f.Cgroups = []CgroupMount{shown}
	return compileWith(t, s, f)
}

// ordered fails for a plan that does not have these steps in this order.
func ordered(t *testing.T, name string, p *Plan, steps ...string) {
	t.Helper()
	rest := printed(t, p)
	for _, step := range steps {
		_, after, ok := strings.Cut(rest, step)
		if !ok {
			t.Errorf("%s: no %s after the others in\n%s", name, step, printed(t, p))
			return
		}
		rest = after
	}
}
