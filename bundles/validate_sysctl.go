package bundles

import (
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// SysctlPath turns the name of a parameter into its path below /proc/sys.
// Both separators are accepted, and the first one in the name says which is
// meant (sysctl.d(5)): net.ipv4.conf.eth0/1.forwarding and
// net/ipv4/conf/eth0.1/forwarding are the same.
func SysctlPath(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '/' {
		return name
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(name)
}

// checkSysctls admits what a namespace of the container keeps from the host.
// Whether a network namespace that is joined by path is the host's after all
// only the host can tell.
func checkSysctls(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Linux.Sysctl)) {
		if err := checkSysctl(s, name); err != nil {
			return in("linux.sysctl", err)
		}
	}
	return nil
}

func checkSysctl(s *specs.Spec, name string) error {
	path := SysctlPath(name)
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return bad("", "sysctl %q is not a name below /proc/sys", name)
		}
	}
	switch {
	case path == "kernel/hostname":
		return bad("", "sysctl %q conflicts with hostname, use that", name)
	case path == "kernel/domainname" && s.Domainname != "":
		return bad("", "sysctl %q conflicts with domainname", name)
	}
	t := sysctlNamespace(path)
	if t == "" {
		return bad("", "sysctl %q is not in a separate kernel namespace", name)
	}
	if Namespace(s.Linux, t) == nil {
		return bad("", "sysctl %q is not allowed in the host's %s namespace", name, t)
	}
	return nil
}

// sysctlNamespace returns the kind of namespace that has its own copy of a
// parameter, or "".
func sysctlNamespace(path string) specs.LinuxNamespaceType {
	switch path {
	case "kernel/domainname":
		return specs.UTSNamespace
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/msg_next_id",
		"kernel/sem", "kernel/sem_next_id",
		"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_next_id",
		"kernel/shm_rmid_forced": // ipc/ipc_sysctl.c
		return specs.IPCNamespace
	}
	switch root, _, _ := strings.Cut(path, "/"); {
	case strings.HasPrefix(path, "fs/mqueue/"):
		return specs.IPCNamespace
	case root == "net":
		return specs.NetworkNamespace
	case root == "user": // kernel/ucount.c
		return specs.UserNamespace
	}
	return ""
}
