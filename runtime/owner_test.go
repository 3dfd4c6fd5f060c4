package runtime

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestOwnerOfTheCgroup(t *testing.T) {
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	spec := func(edit func(*specs.Spec)) *specs.Spec {
		s := &specs.Spec{Process: &specs.Process{}, Mounts: []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup", Options: []string{"nosuid"}}},
			Linux: &specs.Linux{UIDMappings: maps, Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}, {Type: specs.CgroupNamespace}}}}
		edit(s)
		return s
	}
	for name, c := range map[string]struct {
		edit  func(*specs.Spec)
		uid   int
		given bool
	}{
		"root of the user namespace":    {func(s *specs.Spec) {}, 100000, true},
		"a user of it":                  {func(s *specs.Spec) { s.Process.User.UID = 7 }, 100007, true},
		"joined":                        {func(s *specs.Spec) { s.Linux.Namespaces[0].Path, s.Linux.UIDMappings = "/proc/1/ns/user", nil }, 500000, true},
		"nobody of it":                  {func(s *specs.Spec) { s.Process.User.UID = 70000 }, 0, false},
		"a user of the host":            {func(s *specs.Spec) { s.Linux.Namespaces, s.Process.User.UID = s.Linux.Namespaces[1:], 7 }, 7, true},
		"root of the host":              {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] }, 0, false},
		"the host's cgroup namespace":   {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:1] }, 0, false},
		"another's cgroup namespace":    {func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/proc/1/ns/cgroup" }, 0, false},
		"a mount that is read only":     {func(s *specs.Spec) { s.Mounts[0].Options = []string{"nosuid", "ro"} }, 0, false},
		"no mount":                      {func(s *specs.Spec) { s.Mounts = nil }, 0, false},
		"no process, as of an old spec": {func(s *specs.Spec) { s.Process = nil }, 0, false},
	} {
		uid, given := groupOwner(spec(c.edit), []specs.LinuxIDMapping{{ContainerID: 0, HostID: 500000, Size: 10}})
		if given != c.given || given && uid != c.uid {
			t.Errorf("%s: %d, %v, want %d, %v", name, uid, given, c.uid, c.given)
		}
	}
}
