package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A Mod changes a config.json before it is written.
type Mod func(*specs.Spec)

// Spec is the config.json of `runc spec`, without a terminal, with a writable
// root, and with a cgroup of its own.
func Spec(id string) *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Args: []string{"sleep", "1000"},
			Env:  []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
			Cwd:  "/",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: defaultCaps(), Effective: defaultCaps(), Permitted: defaultCaps(),
			},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
			NoNewPrivileges: true,
		},
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "rig",
		Mounts:   Mounts(),
		Linux: &specs.Linux{
			CgroupsPath: "/" + Marker + "/" + id,
			Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func defaultCaps() []string {
	return []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
}

// Mounts are those of `runc spec`.
func Mounts() []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}
}

// WriteBundle writes dir/config.json.
func WriteBundle(dir string, spec any) error {
	data, err := json.MarshalIndent(spec, "", "\t")
	if err != nil {
		return fmt.Errorf("encode config.json: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}

// Args sets the program.
func Args(args ...string) Mod { return func(s *specs.Spec) { s.Process.Args = args } }

// Sh sets a shell script as the program.
func Sh(script string) Mod { return Args("/bin/sh", "-c", script) }

// Mount adds a mount.
func Mount(destination, typ, source string, options ...string) Mod {
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: destination, Type: typ, Source: source, Options: options})
	}
}

// Bind adds a bind mount of a host path.
func Bind(source, destination string, options ...string) Mod {
	return Mount(destination, "bind", source, append([]string{"bind"}, options...)...)
}

// Namespace sets one namespace: new with an empty path, else joined.
func Namespace(typ specs.LinuxNamespaceType, path string) Mod {
	return func(s *specs.Spec) {
		HostNamespace(typ)(s)
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: typ, Path: path})
	}
}

// HostNamespace leaves the container in the runtime's own namespace.
func HostNamespace(typ specs.LinuxNamespaceType) Mod {
	return func(s *specs.Spec) {
		keep := s.Linux.Namespaces[:0]
		for _, n := range s.Linux.Namespaces {
			if n.Type != typ {
				keep = append(keep, n)
			}
		}
		s.Linux.Namespaces = keep
	}
}

// Caps sets all five capability sets to one list.
func Caps(caps ...string) Mod {
	return func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Bounding: caps, Effective: caps, Permitted: caps, Inheritable: caps, Ambient: caps,
		}
	}
}

// AllCaps gives the program what the tests' own root has, for what it has to look at.
func AllCaps() Mod {
	return func(s *specs.Spec) {
		caps := []string{
			"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN",
			"CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
		}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	}
}
