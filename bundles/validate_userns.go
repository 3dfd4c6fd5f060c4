package bundles

import (
	"cmp"
	"math"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkUserNamespace checks the mappings of linux, and that every id of the
// process is one of theirs. A namespace that is joined by path has mappings
// already; those of config.json, which containerd repeats, are then compared
// with them when it is joined.
func checkUserNamespace(s *specs.Spec) error {
	l := s.Linux
	if l == nil {
		return nil
	}
	err := cmp.Or(checkMappings("linux.uidMappings", l, l.UIDMappings), checkMappings("linux.gidMappings", l, l.GIDMappings))
	if err != nil || len(l.UIDMappings) == 0 {
		return err
	}
	return in("process", checkMapped(s.Process, l))
}

func checkMappings(path string, l *specs.Linux, list []specs.LinuxIDMapping) error {
	ns := Namespace(l, specs.UserNamespace)
	switch {
	case ns == nil && len(list) > 0:
		return in(path, needNamespace(l, specs.UserNamespace))
	case ns == nil || ns.Path != "" && len(list) == 0:
		return nil
	case len(list) == 0:
		return bad(path, "missing, a new user namespace needs it")
	}
	if err := in(path, checkIDMappings(list)); err != nil {
		return err
	}
	if _, ok := MapID(list, 0); !ok {
		return bad(path, "container id 0 is not mapped, and the container is set up as it")
	}
	return nil
}

// checkIDMappings checks what the kernel would refuse with a bare EINVAL
// (map_write, kernel/user_namespace.c).
func checkIDMappings(list []specs.LinuxIDMapping) error {
	const extents = 340 // UID_GID_MAP_MAX_EXTENTS
	if len(list) > extents {
		return bad("", "%d mappings are more than the kernel's %d", len(list), extents)
	}
	for i, m := range list {
		if err := checkIDMapping(m); err != nil {
			return at(i, err)
		}
		for j, other := range list[:i] {
			if overlap(m.ContainerID, m.Size, other.ContainerID, other.Size) {
				return at(i, bad("containerID", "overlaps with [%d]", j))
			}
			if overlap(m.HostID, m.Size, other.HostID, other.Size) {
				return at(i, bad("hostID", "overlaps with [%d]", j))
			}
		}
	}
	return nil
}

func checkIDMapping(m specs.LinuxIDMapping) error {
	switch {
	case m.Size == 0:
		return bad("size", "0 maps nothing")
	case uint64(m.ContainerID)+uint64(m.Size) > math.MaxUint32:
		return bad("containerID", "%d and a size of %d go beyond the last id", m.ContainerID, m.Size)
	case uint64(m.HostID)+uint64(m.Size) > math.MaxUint32:
		return bad("hostID", "%d and a size of %d go beyond the last id", m.HostID, m.Size)
	}
	return nil
}

func overlap(a, aSize, b, bSize uint32) bool {
	return uint64(a) < uint64(b)+uint64(bSize) && uint64(b) < uint64(a)+uint64(aSize)
}

func checkMapped(p *specs.Process, l *specs.Linux) error {
	if p == nil {
		return nil
	}
	mapped := func(list []specs.LinuxIDMapping, which string) func(uint32) error {
		return func(id uint32) error {
			if _, ok := MapID(list, id); !ok {
				return bad("", "%d is not mapped by linux.%s", id, which)
			}
			return nil
		}
	}
	gid := mapped(l.GIDMappings, "gidMappings")
	return in("user", cmp.Or(
		in("uid", mapped(l.UIDMappings, "uidMappings")(p.User.UID)),
		in("gid", gid(p.User.GID)),
		each("additionalGids", p.User.AdditionalGids, gid),
	))
}

// MapID is the host's id of one of the container, and whether it has any.
func MapID(list []specs.LinuxIDMapping, id uint32) (uint32, bool) {
	for _, m := range list {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return m.HostID + (id - m.ContainerID), true
		}
	}
	return 0, false
}
