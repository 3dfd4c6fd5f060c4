package nsinit

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// namespaceSet is linux.namespaces, sorted out.
type namespaceSet struct {
	created uintptr // CLONE_* flags of the new ones
	joined  []joinedNamespace
	pidPath bool    // the PID namespace is joined
	entered uintptr // CLONE_* flags of those that the stage has joined
}

type joinedNamespace struct {
	flag uintptr
	path string
}

func (b *builder) readNamespaces() {
	for _, n := range b.spec.Linux.Namespaces {
		flag := cloneFlag(n.Type)
		if n.Path == "" {
			b.ns.created |= flag
			continue
		}
		b.ns.joined = append(b.ns.joined, joinedNamespace{flag, n.Path})
		if n.Type == specs.PIDNamespace {
			b.ns.pidPath = true
		}
	}
}

// has reports whether the container has a namespace of its own of this kind,
// new or joined.
func (s namespaceSet) has(flag uintptr) bool {
	if s.created&flag != 0 {
		return true
	}
	for _, j := range s.joined {
		if j.flag == flag {
			return true
		}
	}
	return false
}

func cloneFlag(t specs.LinuxNamespaceType) uintptr {
	switch t {
	case specs.PIDNamespace:
		return unix.CLONE_NEWPID
	case specs.MountNamespace:
		return unix.CLONE_NEWNS
	case specs.NetworkNamespace:
		return unix.CLONE_NEWNET
	case specs.IPCNamespace:
		return unix.CLONE_NEWIPC
	case specs.UTSNamespace:
		return unix.CLONE_NEWUTS
	case specs.CgroupNamespace:
		return unix.CLONE_NEWCGROUP
	case specs.UserNamespace:
		return unix.CLONE_NEWUSER
	case specs.TimeNamespace:
		return unix.CLONE_NEWTIME
	}
	return 0
}

// FlagText prints CLONE_* flags as strace does.
func FlagText(flags uintptr) string { return flagText(flags) }

func flagText(flags uintptr) string {
	var names []string
	for _, n := range []struct {
		flag uintptr
		name string
	}{
		{unix.CLONE_VM, "CLONE_VM"}, {unix.CLONE_PIDFD, "CLONE_PIDFD"}, {unix.CLONE_VFORK, "CLONE_VFORK"},
		{unix.CLONE_PARENT, "CLONE_PARENT"}, {unix.CLONE_NEWNS, "CLONE_NEWNS"},
		{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
		{unix.CLONE_NEWIPC, "CLONE_NEWIPC"}, {unix.CLONE_NEWPID, "CLONE_NEWPID"},
		{unix.CLONE_NEWNET, "CLONE_NEWNET"}, {unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
		{unix.CLONE_NEWTIME, "CLONE_NEWTIME"}, {unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
	} {
		if flags&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "0"
	}
	return strings.Join(names, "|")
}

// inherit decides which descriptor has which number in the image: the
// container's own first, because their numbers are part of its interface.
func (b *builder) inherit() {
	b.fds = make(map[Role]int)
	add := func(in Inherit) {
		b.fds[in.Role] = len(b.plan.Inherit)
		b.plan.Inherit = append(b.plan.Inherit, in)
	}
	for i := range 3 {
		add(Inherit{Role: RoleStdio, N: i})
	}
	for i := range b.facts.PreserveFDs {
		add(Inherit{Role: RolePreserved, N: 3 + i})
	}
	add(Inherit{Role: RoleReport})
	add(Inherit{Role: RoleSync})
	if b.facts.Wait {
		add(Inherit{Role: RoleListen})
	}
	if b.facts.Console {
		add(Inherit{Role: RoleConsole})
	}
	if h := b.spec.Hooks; h != nil && len(h.CreateContainer)+len(h.StartContainer) > 0 {
		add(Inherit{Role: RoleCreating})
		add(Inherit{Role: RoleCreated})
		add(Inherit{Role: RoleOutput})
	}
	if b.facts.Init != nil {
		add(Inherit{Role: RoleInit})
	}
	for _, j := range b.ns.joined {
		add(Inherit{Role: RoleNamespace, Path: j.path})
	}
	for i, m := range b.facts.Mounts {
		if m.Detached {
			add(Inherit{Role: RoleMount, N: i})
		}
	}
	for i := range b.options {
		if b.options[i].IDMap {
			add(Inherit{Role: RoleIDMap, N: i})
		}
	}
	if b.joining != nil {
		for _, role := range b.joining.roles() {
			add(Inherit{Role: role})
		}
	}
	b.plan.Report = b.fds[RoleReport]
}

// fd is the number of an inherited descriptor.
func (b *builder) fd(want Inherit) Arg {
	for i, in := range b.plan.Inherit {
		if in == want {
			return sym(uint64(i), strconv.Itoa(i)+"<"+string(in.Role)+">")
		}
	}
	b.fail("compile plan: bug: no descriptor for %s", want.Role)
	return num(-1)
}

// clone places the clone of the final process: minirun's own fork, or, when a
// PID namespace is joined, or the container has a user namespace or a new time
// namespace, a clone by the image itself. Then minirun, with its memory and its executable, is never
// visible in a namespace where others live.
func (b *builder) clone() {
	created := b.ns.created &^ unix.CLONE_NEWCGROUP // unshared once the cgroup is joined
	if b.staged() {
		b.stage(created)
		return
	}
	b.plan.Clone = created
	b.do("minirun forks; this image is the new process from its first instruction",
		Host{Text: "clone({flags=" + flagText(created) + ", exit_signal=SIGCHLD})"})
	b.closeInherited()
}

// userNS says that the container will be in a user namespace, its own or
// minirun's: what it mounts and makes there is a user's.
func (b *builder) userNS() bool { return b.ns.has(unix.CLONE_NEWUSER) || b.facts.InUserNS }

func (b *builder) staged() bool {
	return b.ns.pidPath || b.ns.has(unix.CLONE_NEWUSER) || b.ns.created&unix.CLONE_NEWTIME != 0
}

// closeInherited leaves of the caller's descriptors only those that the plan
// has a role for. Those of the container's own interface survive the execve.
func (b *builder) closeInherited() {
	ours, theirs := 3+b.facts.PreserveFDs, len(b.plan.Inherit)
	b.call("no descriptor of the caller's is left", "close_range", num(theirs), sym(0xffffffff, "~0U"), num(0))
	b.call("none of minirun's reaches the program", "close_range",
		num(ours), num(theirs-1), sym(unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"))
}

func (b *builder) setns(j joinedNamespace) {
	fd := b.fd(Inherit{Role: RoleNamespace, Path: j.path})
	b.call("join "+j.path, "setns", fd, sym(uint64(j.flag), flagText(j.flag)))
	b.call("join "+j.path, "close", fd)
}

// clean undoes what a process inherits from its parent across an execve.
func (b *builder) clean() {
	b.call("an empty signal mask", "rt_sigprocmask", sym(unix.SIG_SETMASK, "SIG_SETMASK"),
		b.shared(words("[]", 0)), null, num(8))
	for _, sig := range b.facts.IgnoredSignals {
		b.call("the caller ignores "+signalText(sig)+"; the program must not", "rt_sigaction",
			sym(uint64(sig), signalText(sig)), b.shared(words("{sa_handler=SIG_DFL}", 0, 0, 0, 0)), null, num(8))
	}
	b.name("minirun:init")
	b.call("a session of its own: a process group shared with another container would let that one SIGKILL this init",
		"setsid")
	b.call("modes are taken as config.json gives them", "umask", num(0))
}

// name is what ps and observe call the process: the kernel's name for it is
// the number of the image's descriptor.
func (b *builder) name(comm string) {
	b.call("a name for ps", "prctl", sym(unix.PR_SET_NAME, "PR_SET_NAME"), str(comm))
}

func signalText(sig int) string {
	if name := unix.SignalName(unix.Signal(sig)); name != "" {
		return name
	}
	return "SIG_" + strconv.Itoa(sig)
}
