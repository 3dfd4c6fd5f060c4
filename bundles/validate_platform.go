package bundles

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func checkLinux(l *specs.Linux) error {
	if l == nil {
		return nil
	}
	return cmp.Or(
		each("namespaces", l.Namespaces, checkNamespace),
		unique("namespaces", "type", l.Namespaces, func(n specs.LinuxNamespace) string { return string(n.Type) }),
		in("timeOffsets", checkTimeOffsets(l)),
		each("devices", l.Devices, checkDevice),
		in("rootfsPropagation", checkPropagation(l.RootfsPropagation)),
		in("maskedPaths", checkHidden(l, l.MaskedPaths)),
		in("readonlyPaths", checkHidden(l, l.ReadonlyPaths)),
		in("cgroupsPath", checkCgroupsPath(l.CgroupsPath)),
		in("resources", checkResources(l.Resources)),
		in("netDevices", checkNetDevices(l)),
		in("seccomp", checkSeccomp(l.Seccomp)),
		in("intelRdt", checkIntelRdt(l.IntelRdt)),
		in("personality", checkPersonality(l.Personality)),
		in("memoryPolicy", checkMemoryPolicy(l.MemoryPolicy)),
	)
}

// Namespace returns the entry of linux.namespaces with type t: with a path
// the container joins one, without it gets a new one. Nil is the host's.
func Namespace(l *specs.Linux, t specs.LinuxNamespaceType) *specs.LinuxNamespace {
	if l == nil {
		return nil
	}
	i := slices.IndexFunc(l.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == t })
	if i < 0 {
		return nil
	}
	return &l.Namespaces[i]
}

func needNamespace(l *specs.Linux, t specs.LinuxNamespaceType) error {
	if Namespace(l, t) == nil {
		return bad("", "needs a %s namespace, and linux.namespaces has none", t)
	}
	return nil
}

func checkNamespace(n specs.LinuxNamespace) error {
	switch n.Type {
	case specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace:
	case "":
		return missing("type")
	default:
		return bad("type", "unknown namespace %q", n.Type)
	}
	if n.Path != "" {
		return in("path", absolute(n.Path))
	}
	return nil
}

// checkTimeOffsets admits what /proc/PID/timens_offsets takes
// (time_namespaces(7)), for a new namespace only: a joined one has its own.
func checkTimeOffsets(l *specs.Linux) error {
	if len(l.TimeOffsets) == 0 {
		return nil
	}
	if err := needNamespace(l, specs.TimeNamespace); err != nil {
		return err
	}
	if Namespace(l, specs.TimeNamespace).Path != "" {
		return bad("", "the time namespace is joined by path and has offsets already")
	}
	for _, clock := range slices.Sorted(maps.Keys(l.TimeOffsets)) {
		offset := l.TimeOffsets[clock]
		if clock != "monotonic" && clock != "boottime" {
			return bad("", "unknown clock %q, want monotonic or boottime", clock)
		}
		if offset.Nanosecs >= 1e9 {
			return in(clock, bad("nanosecs", "%d is not below a second", offset.Nanosecs))
		}
	}
	return nil
}

func checkDevice(d specs.LinuxDevice) error {
	return cmp.Or(
		in("path", absolute(d.Path)),
		checkDeviceNumber(&d),
		checkFileMode(&d),
		in("uid", checkOptionalOwner(d.UID)),
		in("gid", checkOptionalOwner(d.GID)),
	)
}

func checkDeviceNumber(d *specs.LinuxDevice) error {
	switch {
	case d.Type == "":
		return missing("type")
	case d.Type == "p":
		return nil
	case d.Type != "b" && d.Type != "c" && d.Type != "u":
		return bad("type", "unknown device type %q, want b, c, u or p", d.Type)
	case d.Major == 0 && d.Minor == 0: // no driver has it
		return missing("major")
	}
	// 12 and 20 bits: include/linux/kdev_t.h, new_decode_dev. mknod(2) cuts
	// off the rest without a word.
	return cmp.Or(
		within("major", &d.Major, 0, 1<<12-1),
		within("minor", &d.Minor, 0, 1<<20-1),
	)
}

// checkFileMode lets the file type in: docker copies st_mode.
func checkFileMode(d *specs.LinuxDevice) error {
	if d.FileMode != nil && *d.FileMode&^(unix.S_IFMT|0o7777) != 0 {
		return bad("fileMode", "%d (%#o) is not a mode", uint32(*d.FileMode), uint32(*d.FileMode))
	}
	return nil
}

func checkOptionalOwner(id *uint32) error {
	if id == nil {
		return nil
	}
	return checkOwner(*id)
}

func checkPropagation(name string) error {
	if o := new(MountOptions); name != "" && !o.propagation(name) {
		return bad("", "unknown propagation %q", name)
	}
	return nil
}

// checkHidden checks maskedPaths or readonlyPaths, which are mounts.
func checkHidden(l *specs.Linux, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	return cmp.Or(needNamespace(l, specs.MountNamespace), each("", paths, absolute))
}

func checkCgroupsPath(path string) error {
	if slices.Contains(strings.Split(path, "/"), "..") {
		return bad("", `%q has ".." in it`, path)
	}
	return nil
}
