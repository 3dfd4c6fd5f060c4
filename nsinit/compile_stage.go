package nsinit

import (
	"fmt"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// stage takes the image from the host's namespaces to the clone of the final
// process, in the user namespace if the container has one. The namespaces that
// are joined come before it when minirun has the rights of the host, because
// those may own them, and after it when all rights come from it.
func (b *builder) stage(created uintptr) {
	b.plan.Staged = true
	b.startStage()
	switch {
	case !b.ns.has(unix.CLONE_NEWUSER):
		b.undumpable()
		b.joinBefore(unix.CLONE_NEWPID)
		b.unshareTime()
	case b.facts.Rootless:
		b.enterUser()
		b.undumpable()
		b.joinBefore(^uintptr(unix.CLONE_NEWCGROUP))
		b.readable()
	default:
		b.undumpable()
		b.openEarly()
		b.joinBefore(^uintptr(unix.CLONE_NEWUSER))
		if b.ns.entered&unix.CLONE_NEWUTS != 0 {
			b.hostname()
		}
		b.enterUser()
	}
	b.cloneFinal(created&^(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME)|unix.CLONE_PARENT, 0)
}

// startStage is what a staged plan begins with, in the host's namespaces.
func (b *builder) startStage() {
	b.do("minirun forks; this image starts in the host's namespaces", Host{Text: "clone({flags=0, exit_signal=SIGCHLD})"})
	b.closeInherited()
	b.name("minirun:stage")
	b.stageOOM()
}

// stageOOM is process.oomScoreAdj. The file belongs to root once the process
// is not dumpable, and is inherited by the clone.
func (b *builder) stageOOM() {
	adj := b.spec.Process.OOMScoreAdj
	if adj == nil || *adj == b.facts.OOMScoreAdj {
		return // engines write 0 into every config; no privilege is needed for no change
	}
	const why = "process.oomScoreAdj"
	fd := b.open(why, "fd", "openat", atFDCWD, str("/proc/self/oom_score_adj"), sym(unix.O_WRONLY|unix.O_CLOEXEC, "O_WRONLY|O_CLOEXEC"))
	text := fmt.Sprint(*adj)
	b.call(why, "write", Val{fd}, str(text), num(len(text)))
	b.close(fd)
}

func (b *builder) undumpable() {
	b.call("nobody inside may open /proc/PID of this process", "prctl",
		sym(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"), num(0))
}

// joinBefore joins, of the namespaces named by path, those of these kinds.
func (b *builder) joinBefore(kinds uintptr) {
	for _, j := range b.ns.joined {
		if j.flag&kinds != 0 && b.ns.entered&j.flag == 0 {
			b.setns(j)
			b.ns.entered |= j.flag
		}
	}
}

// enterUser unshares or joins the user namespace and becomes its root. Until
// the mappings exist nothing is executed, which would drop every capability
// (user_namespaces(7)).
func (b *builder) enterUser() {
	if b.ns.created&unix.CLONE_NEWUSER != 0 {
		flags := b.ns.created & (unix.CLONE_NEWUSER | unix.CLONE_NEWTIME)
		b.call("a user namespace, in which this process has every capability", "unshare", sym(uint64(flags), flagText(flags)))
		b.do("its ids have no meaning yet", Mark{Name: MarkUser, Value: num(0)})
		b.hostOffsets(flags)
		b.do("minirun maps them", Host{Text: fmt.Sprintf(`write("uid_map", "%s"), write("gid_map", "%s")`,
			MapText(b.spec.Linux.UIDMappings), MapText(b.spec.Linux.GIDMappings))})
	} else {
		if b.facts.Rootless {
			b.undumpable() // others live there
		}
		b.joinBefore(unix.CLONE_NEWUSER)
		b.do("its ids are mapped already", Mark{Name: MarkUser, Value: num(0)})
		b.do("minirun compares them with config.json", Host{Text: `read("uid_map"), read("gid_map")`})
	}
	b.await("until the ids have a meaning")
	b.becomeRoot()
	if b.ns.created&unix.CLONE_NEWUSER == 0 {
		b.unshareTime()
	}
}

// unshareTime makes a time namespace, which the final process is born into.
// Its offsets can be set until then (time_namespaces(7)).
func (b *builder) unshareTime() {
	const flag = uintptr(unix.CLONE_NEWTIME)
	if b.ns.created&flag == 0 {
		return
	}
	b.call("a time namespace, for the final process", "unshare", sym(uint64(flag), flagText(flag)))
	if len(b.spec.Linux.TimeOffsets) == 0 {
		return
	}
	b.do("its clocks are the host's yet", Mark{Name: MarkTime, Value: num(0)})
	b.hostOffsets(flag)
	b.await("until the clocks are set")
}

func (b *builder) hostOffsets(flags uintptr) {
	if text := OffsetText(b.spec.Linux.TimeOffsets); flags&unix.CLONE_NEWTIME != 0 && text != "" {
		b.do("minirun sets linux.timeOffsets", Host{Text: fmt.Sprintf("write(\"timens_offsets\", %q)", text)})
	}
}

// OffsetText is linux.timeOffsets as /proc/PID/timens_offsets takes it.
func OffsetText(offsets map[string]specs.LinuxTimeOffset) string {
	var text []byte
	for _, clock := range [...]string{"boottime", "monotonic"} {
		if o, ok := offsets[clock]; ok {
			text = fmt.Appendf(text, "%s %d %d\n", clock, o.Secs, o.Nanosecs)
		}
	}
	return string(text)
}

// readable lets a minirun without privileges look into the process, where the
// user namespace is new: that takes capabilities in it, and besides the
// container's own processes only minirun's user has those
// (__ptrace_may_access, kernel/ptrace.c).
func (b *builder) readable() {
	if b.facts.Rootless && b.ns.created&unix.CLONE_NEWUSER != 0 {
		b.call("minirun, which is not privileged, reads /proc/PID of this process", "prctl",
			sym(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"), num(1))
	}
}

// becomeRoot changes from the caller's ids, which mean nothing in the user
// namespace, to its 0. The groups of an unprivileged caller stay where the
// namespace denies setgroups(2).
func (b *builder) becomeRoot() {
	b.inUser = true
	b.do("no group of the caller's", Call{Name: "setgroups", Args: []Arg{num(0), null}, On: b.deniedGroups()})
	b.call("root of the user namespace", "setresgid", num(0), num(0), num(0))
	b.call("root of the user namespace", "setresuid", num(0), num(0), num(0))
}

// deniedGroups tolerates that the user namespace denies setgroups(2): its maker
// had to, or had to itself already (user_namespaces(7)).
func (b *builder) deniedGroups() []On {
	if b.inUser && (b.facts.Rootless || b.facts.InUserNS || b.ns.created&unix.CLONE_NEWUSER == 0) {
		return tolerate(unix.EPERM)
	}
	return nil
}

// MapText is a list of mappings as /proc/PID/uid_map has it.
func MapText(list []specs.LinuxIDMapping) string {
	var text []byte
	for i, m := range list {
		if i > 0 {
			text = append(text, '\n')
		}
		text = fmt.Appendf(text, "%d %d %d", m.ContainerID, m.HostID, m.Size)
	}
	return string(text)
}

// openEarly does what the rights of the host are needed for: mounts, devices
// and the root file system are opened where the container's root might not
// reach them, and can be copied without what is mounted below them, which is
// locked in a mount namespace of less rights (mount_namespaces(7)).
func (b *builder) openEarly() {
	b.hostStdio()
	b.raiseLimits()
	if b.ns.created&unix.CLONE_NEWNS == 0 {
		return
	}
	b.early, b.sources = true, make(map[string]*Cell)
	b.root = b.source("root", "the root file system", b.facts.Root, true)
	b.call("its place, for the copy of the mounts that the clone makes", "chdir", str(b.facts.Root))
	for i, m := range b.spec.Mounts {
		if o := b.options[i]; o.Bind && !o.Remount && !b.mountFacts(i).Detached {
			why := fmt.Sprintf("mounts[%d]: %s", i, m.Source)
			b.sources[earlyMount(i)] = b.source(earlyMount(i), why, m.Source, o.Recursive)
			b.idmap(why, i, b.sources[earlyMount(i)])
		}
	}
	if b.boundDev() {
		return
	}
	for _, n := range b.deviceNodes() {
		if n.kind != unix.S_IFIFO {
			b.sources[n.path] = b.deviceSource(n)
		}
	}
}

func earlyMount(i int) string { return fmt.Sprintf("mounts[%d]", i) }

// source copies the mounts at a path of the host. The copy must not pass on
// to the host what is mounted in the container.
func (b *builder) source(cell, why, path string, recursive bool) *Cell {
	why += ", opened with the rights of the host"
	fd := b.open(why, cell, "open_tree", atFDCWD, str(path), bindFlags(recursive))
	b.propagate(why, Val{fd}, "", bundles.Propagation{Type: b.hostPropagation().Type, Recursive: true})
	return fd
}

// hostStdio is stdio, with the host's name of the container's user.
func (b *builder) hostStdio() {
	maps := b.facts.UIDMappings
	if b.ns.created&unix.CLONE_NEWUSER != 0 {
		maps = b.spec.Linux.UIDMappings
	}
	if uid, ok := bundles.MapID(maps, b.spec.Process.User.UID); ok {
		b.stdio(uid)
		b.stdioDone = true
	}
}

// raiseLimits raises hard limits as far as process.rlimits wants them, which
// takes CAP_SYS_RESOURCE of the host; the rest is done where all limits are set.
func (b *builder) raiseLimits() {
	for i, l := range b.spec.Process.Rlimits {
		if i >= len(b.facts.Limits) || l.Hard <= b.facts.Limits[i].Hard {
			continue
		}
		l.Soft = b.facts.Limits[i].Soft
		b.rlimits([]specs.POSIXRlimit{l})
	}
}

// cloneFinal ends the stage: from here on the plan is the final process's.
// cgroup is the descriptor for CLONE_INTO_CGROUP.
func (b *builder) cloneFinal(flags uintptr, cgroup uint64) {
	pid := &Cell{Name: "pid"}
	args := words("{flags="+flagText(flags)+", exit_signal=0}", uint64(flags), 0, 0, 0, 0, 0, 0, 0, 0, 0, cgroup)
	b.do("the final process, as minirun's own child", Call{Name: "clone3",
		Args: []Arg{Ptr{Data: args}, num(len(args.Bytes))}, Result: pid})
	final := b.fresh("final")
	b.do("the child goes on with the plan", If{Cell: pid, Cmp: Eq, Value: num(0), To: final})
	b.do("minirun learns the pid", Mark{Name: MarkStage, Value: Val{pid}})
	b.call("the stage has served", "exit_group", num(0))
	b.here(final)
}
