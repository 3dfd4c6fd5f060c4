package runtime

import (
	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// groupOwner is the host's id of the user whom a container's cgroup is given
// to, and whether it is given away: where the container has a cgroup namespace
// of its own and may write to its mount (runtime-spec, config-linux.md,
// "Cgroup ownership"). maps are those of a user namespace that is joined.
func groupOwner(s *specs.Spec, maps []specs.LinuxIDMapping) (uid int, ok bool) {
	if s.Linux == nil || s.Process == nil || !newCgroupNS(s.Linux) || !writesCgroup(s.Mounts) {
		return 0, false
	}
	if len(s.Linux.UIDMappings) > 0 {
		maps = s.Linux.UIDMappings
	}
	id := s.Process.User.UID
	if hasUser(s.Linux) {
		if id, ok = bundles.MapID(maps, id); !ok {
			return 0, false
		}
	}
	return int(id), id != 0
}

func newCgroupNS(l *specs.Linux) bool {
	ns := bundles.Namespace(l, specs.CgroupNamespace)
	return ns != nil && ns.Path == ""
}

func writesCgroup(mounts []specs.Mount) bool {
	for i := range mounts {
		if t := mounts[i].Type; t != "cgroup" && t != "cgroup2" {
			continue
		}
		o, err := bundles.ParseMount(&mounts[i])
		return err == nil && o.Attr.Set&unix.MOUNT_ATTR_RDONLY == 0
	}
	return false
}
