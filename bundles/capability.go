package bundles

import "slices"

// Capability returns the number of a capability by its name in
// capabilities(7), such as CAP_CHOWN, up to CAP_CHECKPOINT_RESTORE (Linux
// 5.9). Whether the running kernel has it is not known here.
func Capability(name string) (number uint, ok bool) {
	return indexOf(capabilities[:], name)
}

// KnownCapabilities lists the capabilities in the order of their numbers. The
// list is shared: do not change it.
func KnownCapabilities() []string { return capabilities[:] }

// Rlimit returns the number of a resource by its name in getrlimit(2), such
// as RLIMIT_NOFILE.
func Rlimit(name string) (number uint, ok bool) {
	return indexOf(rlimits[:], name)
}

func indexOf(names []string, name string) (uint, bool) {
	i := slices.Index(names, name)
	return uint(max(i, 0)), i >= 0
}

// In the order of include/uapi/linux/capability.h: the index is the number.
var capabilities = [...]string{
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// In the order of include/uapi/asm-generic/resource.h, which amd64 and arm64
// use: the index is the number.
var rlimits = [...]string{
	"RLIMIT_CPU",
	"RLIMIT_FSIZE",
	"RLIMIT_DATA",
	"RLIMIT_STACK",
	"RLIMIT_CORE",
	"RLIMIT_RSS",
	"RLIMIT_NPROC",
	"RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK",
	"RLIMIT_AS",
	"RLIMIT_LOCKS",
	"RLIMIT_SIGPENDING",
	"RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",
	"RLIMIT_RTPRIO",
	"RLIMIT_RTTIME",
}
