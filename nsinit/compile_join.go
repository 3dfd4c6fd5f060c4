package nsinit

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Join says what a further process of a running container enters.
type Join struct {
	// Namespaces are CLONE_NEW* flags of those that the container's init does
	// not share with minirun.
	Namespaces uintptr
	// Chroot is set when the init has a root directory of its own in minirun's
	// mount namespace.
	Chroot bool
	// IntoCgroup places the process by its clone (version 2 only); otherwise
	// minirun moves it while it waits.
	IntoCgroup bool
}

// CompileExec turns a validated process object into the plan by which exec
// makes a further process of a container. Of the container's config.json it
// uses linux.seccomp, personality and memoryPolicy, which hold for every
// process; of the facts what is about the caller and the process. It is pure.
//
// The image starts in minirun's namespaces, where nobody of the container can
// see it, and joins the container by one setns(2) with a pidfd: the kernel
// takes all namespaces of the process that minirun has verified, or none. Then
// it clones the final process as minirun's own child.
func CompileExec(spec *specs.Spec, p *specs.Process, f Facts, j Join) (*Plan, error) {
	own := &specs.Spec{Process: p, Linux: &specs.Linux{}}
	if spec.Linux != nil {
		l := spec.Linux
		own.Linux.Seccomp, own.Linux.Personality, own.Linux.MemoryPolicy = l.Seccomp, l.Personality, l.MemoryPolicy
	}
	b, err := newBuilder(own, f)
	if err != nil {
		return nil, err
	}
	b.joining, b.plan.Staged = &j, true
	b.inherit()
	for _, phase := range []func(){
		b.enter, b.attend, b.clean, b.openRoot, b.console, b.closeRoot, b.openLabels, b.identity, b.lookup, b.writeLabels, b.keepReport, b.seccomp, b.execve,
	} {
		phase()
		if b.err != nil {
			return nil, b.err
		}
	}
	return b.plan, nil
}

// roles are the descriptors that joining takes.
func (j *Join) roles() []Role {
	roles := []Role{RoleJoin}
	if j.IntoCgroup {
		roles = append(roles, RoleCgroup)
	}
	if j.Chroot {
		roles = append(roles, RoleRoot)
	}
	if j.cgroupNS() {
		roles = append(roles, RoleCgroupNS)
	}
	return roles
}

// early are the namespaces that the stage joins. The cgroup namespace is the
// final process's: one that it joined earlier would be a border that the
// process may not be moved across, where cgroup2 is mounted with nsdelegate
// (cgroup_procs_write_permission, kernel/cgroup/cgroup.c).
func (j *Join) early() uintptr { return j.Namespaces &^ unix.CLONE_NEWCGROUP }

// cgroupNS says that the cgroup namespace is joined by a descriptor of its own.
// By a pidfd it takes the right to trace the init (validate_nsset,
// kernel/nsproxy.c), which is lost with the host's user namespace.
func (j *Join) cgroupNS() bool {
	const both = unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP
	return j.Namespaces&both == both
}

// enter is the stage: from the host's namespaces to the clone of the process.
func (b *builder) enter() {
	b.startStage()
	b.affinity("initial", initialCPUs)
	b.undumpable()
	if b.joining.Namespaces&unix.CLONE_NEWUSER != 0 {
		b.hostStdio()
		b.raiseLimits()
	}
	init := b.fd(Inherit{Role: RoleJoin})
	if flags := b.joining.early(); flags != 0 {
		b.call("the namespaces of the container's init, all at once", "setns", init, sym(uint64(flags), flagText(flags)))
	}
	if b.joining.Namespaces&unix.CLONE_NEWUSER != 0 {
		b.becomeRoot()
	}
	if b.joining.Chroot {
		root := b.fd(Inherit{Role: RoleRoot})
		b.call("the root directory of the container's init", "fchdir", root)
		b.call("it has no mount namespace of its own", "chroot", str("."))
		b.call("nothing but the container's root is open", "close", root)
	}
	flags, cgroup := uintptr(unix.CLONE_PARENT), uint64(0)
	if b.joining.IntoCgroup {
		flags |= unix.CLONE_INTO_CGROUP
		cgroup = b.fd(Inherit{Role: RoleCgroup}).(Const).V
	}
	b.cloneFinal(flags, cgroup)
}

// attend is the first that the final process does. Whatever fails from here on
// is reported after the stage's own report, and in the container's cgroup.
func (b *builder) attend() {
	if b.joining.IntoCgroup {
		b.call("the cgroup is entered", "close", b.fd(Inherit{Role: RoleCgroup}))
	} else {
		b.do("minirun puts the process in the container's cgroup, if pids.max leaves room", Host{Text: `write("cgroup.procs", pid)`})
	}
	b.await("until minirun has seen to the rest")
	if a := b.spec.Process.ExecCPUAffinity; a == nil || a.Initial == "" && a.Final == "" {
		b.everyCPU()
	}
	b.affinity("final", finalCPUs)
	init := b.fd(Inherit{Role: RoleJoin})
	const why = "the cgroup namespace of the container's init"
	switch flag := sym(unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"); {
	case b.joining.cgroupNS():
		ns := b.fd(Inherit{Role: RoleCgroupNS})
		b.call(why, "setns", ns, flag)
		b.call(why, "close", ns)
	case b.joining.Namespaces&unix.CLONE_NEWCGROUP != 0:
		b.call(why, "setns", init, flag)
	}
	b.call("the container is joined", "close", init)
}

// openRoot opens the root directory, for the terminal only.
func (b *builder) openRoot() {
	if b.facts.Console {
		b.root = b.open("the container's root", "root", "openat", atFDCWD, str("/"), b.oPathDirectory())
	}
}

func (b *builder) closeRoot() {
	if b.facts.Console {
		b.close(b.root)
	}
}
