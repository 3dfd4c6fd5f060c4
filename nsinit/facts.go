package nsinit

import "github.com/opencontainers/runtime-spec/specs-go"

// Facts is what Compile has to know of the host and of the caller. It is
// gathered by minirun before the clone and is plain data, so that a plan can
// be compiled, printed and tested on any machine and without privileges.
type Facts struct {
	Arch   string // GOARCH of the machine
	ID     string // of the container
	Root   string // absolute path of the root file system
	Bundle string // absolute path of the bundle
	// RootMount is the mount point of the mount that Root lies in.
	RootMount string

	IgnoredSignals []int    // signals that the caller ignores, and an execve would pass on
	Stdio          [3]Stdio // what descriptors 0, 1 and 2 are
	PreserveFDs    int      // descriptors 3 to 2+PreserveFDs go to the container
	Bounding       uint64   // the caller's bounding set; in a user namespace it is full
	Permitted      uint64   // the caller's permitted set; likewise
	Home           string   // home directory of process.user in the container's passwd file

	SELinux  bool   // the kernel enforces or logs by it; looked up when a label is asked for
	AppArmor string // where a process asks for its profile: attr/apparmor/exec, or attr/exec before Linux 5.8; empty: off

	Mounts  []MountFacts  // one for each entry of mounts
	Cgroups []CgroupMount // what a mount of type cgroup shows; one entry named "" is a pure v2 host

	Init *Init // the built-in init that the caller asks for; nil without
	// ExitInfo is whether a pidfd gives the exit status of a process that the
	// kernel itself has reaped, also when its first thread had ended before:
	// PIDFD_GET_INFO of Linux 6.16. Only an Init wants to know.
	ExitInfo bool

	// CopiesDetached is whether open_tree(2) copies a mount that is attached
	// nowhere: Linux 6.15 (c5c12f871a30). Only masked paths want to know.
	CopiesDetached bool

	// Rootless says that minirun may not do what takes CAP_SYS_ADMIN before it
	// is in the container's user namespace.
	Rootless bool
	// InUserNS says that minirun itself is in a user namespace, which makes no
	// device nodes.
	InUserNS bool
	// UIDMappings are those of the user namespace that is joined, if minirun
	// could read them; those of a new one are in config.json.
	UIDMappings []specs.LinuxIDMapping
	// OOMScoreAdj is minirun's own, which a process inherits.
	OOMScoreAdj int
	// Limits are minirun's own hard limits, for those of process.rlimits and in
	// their order.
	Limits []Limit

	Wait          bool // create: stop before the execve until start is called
	Console       bool // process.terminal: pass the master over RoleConsole
	NoPivot       bool
	NoNewKeyring  bool
	DieWithParent bool // run: the kernel kills the container when minirun ends
}

// Limit is a resource limit as getrlimit(2) reads it.
type Limit struct{ Soft, Hard uint64 }

// Stdio says what a standard descriptor is, as far as handing it to the
// container's user is concerned.
type Stdio struct {
	Owned bool // a pipe or a terminal that the container's user should own
	UID   int  // its owner now
}

// MountFacts is what the host knows of one mount.
type MountFacts struct {
	File       bool   // the source of a bind mount is not a directory
	TargetMode uint32 // permissions of the directory that a tmpfs will cover; zero when there is none
	Detached   bool   // minirun passes the mount ready-made (tmpcopyup)
}

// CgroupMount is one hierarchy as a mount of type cgroup shows it.
type CgroupMount struct {
	Name    string   // directory below the mount: "pids", "cpu,cpuacct", "unified"; "" on a pure v2 host
	Options []string // mount options of a v1 hierarchy: "cpu", "cpuacct", "name=systemd"; nil is cgroup2
	Dir     string   // the container's own directory, on the host
}
