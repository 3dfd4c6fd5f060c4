package runtime

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"minirun/bundles"
	"minirun/cgroups"
	"minirun/nsinit"
	"minirun/runtime/observe/session"
	"minirun/runtime/warm"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A birth is a container on its way from a bundle to a process. Until settle
// (create) or the program's execve (run) all of it can be undone.
type birth struct {
	rt     *Runtime
	opts   CreateOptions
	bundle *bundles.Bundle
	host   *cgroups.Host
	group  *cgroups.Group
	facts  nsinit.Facts
	plan   *nsinit.Plan

	dir       *Dir // the claimed directory, locked
	rec       Record
	making    chan madeGroup // the cgroup is being made; nil: no longer, or not by us
	grouped   bool           // the cgroup was made, or half of it
	inGroup   bool           // the fork placed the init there
	ungrouped error          // why there is none

	attend       func() error // waits for a report, or knows that none will come
	image        int          // memfd that the init executes
	pid, pidfd   int
	report, sync int // our ends of the pipes
	console      int
	resctrl      *resctrlGroup       // linux.intelRdt
	agent        int                 // connection to linux.seccomp.listenerPath
	states       map[nsinit.Role]int // memfds for hooks inside the container
	output       int                 // memfd of what they print
	theirs       []int               // descriptors that only the image needs
	init         *initProc           // exec: the container's init, which is there already

	observer *session.Observer // that this verb has started, or nil
	told     *session.Teller   // those who hear what is done
	lives    bool              // the container goes on without this verb
}

// conceive claims the id and takes every decision. It starts no process.
// When it fails nothing is left.
func (rt *Runtime) conceive(o CreateOptions, wait bool) (*birth, error) {
	b := &birth{rt: rt, opts: o, image: -1, pidfd: -1, report: -1, sync: -1, console: -1, agent: -1, output: -1}
	if err := bundles.ValidateID(o.ID); err != nil {
		return nil, err
	}
	err := b.observe(o.Observe)
	for _, step := range []func() error{b.load, b.observeAsAnnotated, b.checkPreserved} {
		if err == nil {
			err = step()
		}
	}
	if err == nil {
		b.dir, err = rt.Store.Claim(o.ID)
	}
	if err != nil {
		b.unobserve()
		return nil, err
	}
	if err = b.newRecord(); err == nil {
		fault("record")
		b.beginGroup()
		err = b.compile(wait)
	}
	if err != nil {
		err = b.undo(err)
		b.release()
		return nil, err
	}
	return b, nil
}

// load reads the bundle and says where the container's cgroup will be.
func (b *birth) load() error {
	var err error
	if b.bundle, err = bundles.Load(b.opts.BundleDir); err != nil {
		return err
	}
	b.rt.annotate(b.bundle.Spec)
	for _, w := range bundles.Warnings(b.bundle.Spec) {
		b.rt.warn(w)
	}
	if b.host, err = cgroups.Look(); err != nil {
		return err
	}
	b.group, err = b.place(b.host)
	return err
}

// compile looks at the host and decides.
func (b *birth) compile(wait bool) error {
	spec := b.bundle.Spec
	var err error
	if b.facts, err = gatherFacts(b.bundle, b.host, b.group); err != nil {
		return err
	}
	if b.facts.Rootless && !hasUser(spec.Linux) {
		return fmt.Errorf("linux.namespaces: a user namespace is missing, without which this user may make no container: %w", unix.EPERM)
	}
	for _, name := range nsinit.MissingCaps(spec.Process.Capabilities, b.facts) {
		b.rt.warn("process.capabilities: this host cannot give " + name)
	}
	for _, w := range nsinit.Ignored(spec, b.facts) {
		b.rt.warn(w)
	}
	b.facts.ID, b.facts.Wait, b.facts.Console = b.opts.ID, wait, spec.Process.Terminal
	if b.facts.Init, err = initOf(b.opts.Init, spec.Annotations); err != nil {
		return err
	}
	b.facts.ExitInfo = b.facts.Init != nil && keepsExitStatus()
	b.facts.DieWithParent = b.opts.dieWithParent
	b.facts.NoPivot, b.facts.NoNewKeyring, b.facts.PreserveFDs = b.opts.NoPivot, b.opts.NoNewKeyring, b.opts.PreserveFDs
	if b.plan, err = nsinit.Compile(spec, b.facts); err != nil {
		return err
	}
	if err := nsinit.Lint(b.plan); err != nil {
		return err
	}
	inject(b.plan)
	return nil
}

// place says where the container's cgroup will be.
func (b *birth) place(host *cgroups.Host) (*cgroups.Group, error) {
	if b.rt.Systemd {
		return host.Scope(cgroupsPath(b.bundle), b.opts.ID, b.bundle.Spec.Annotations, os.Geteuid() != 0)
	}
	return host.Group(cgroupsPath(b.bundle), b.opts.ID)
}

func cgroupsPath(b *bundles.Bundle) string {
	if b.Spec.Linux == nil {
		return ""
	}
	return b.Spec.Linux.CgroupsPath
}

func (b *birth) checkPreserved() error {
	for fd := 3; fd < 3+b.opts.PreserveFDs; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC != 0 {
			err = unix.EBADF // it is minirun's own: the caller's have come through an execve
		}
		if err != nil {
			return fmt.Errorf("--preserve-fds %d: descriptor %d: %w", b.opts.PreserveFDs, fd, err)
		}
	}
	return nil
}

// bear starts the image and serves it until it waits for start, or has become
// the program.
func (b *birth) bear() error {
	image, err := nsinit.Assemble(b.plan)
	if err != nil {
		return err
	}
	if b.image, err = image.Memfd("minirun-image", b.dir.path); err != nil {
		return err
	}
	if err := b.statImage(); err != nil {
		return err
	}
	b.recordPlan()
	files, err := b.files()
	if err != nil {
		return err
	}
	into, err := b.groupFirst()
	if err != nil {
		return err
	}
	if err := b.start(files, into); err != nil {
		return err
	}
	fault("cloned")
	return b.raise()
}

// groupFirst is the cgroup where the fork can place the process there, on a
// pure v2 host; -1 elsewhere. A direct clone only: the
// stage of a staged one does not belong in the container's cgroup. A scope of
// systemd's begins with a process.
func (b *birth) groupFirst() (int, error) {
	if paths := b.group.Paths(); b.plan.Staged || len(paths) != 1 || paths[""] == "" || b.group.Unit() != nil || b.noTasks() {
		return -1, nil
	}
	if err := b.awaitGroup(); err != nil {
		return -1, err
	}
	fd, err := b.group.OpenUnified()
	if err == nil && fd >= 0 {
		b.theirs = append(b.theirs, fd)
	}
	return fd, err
}

func (b *birth) statImage() error {
	var st unix.Stat_t
	if err := unix.Fstat(b.image, &st); err != nil {
		return fmt.Errorf("fstat image: %w", err)
	}
	b.rec.ImageDev, b.rec.ImageIno = st.Dev, st.Ino
	return nil
}

// start forks. The flags are the plan's; the image is the first program that
// the new process executes. CLONE_PIDFD comes with os/syscall's fork.
func (b *birth) start(files []uintptr, cgroup int) error {
	image, err := unix.FcntlInt(uintptr(b.image), unix.F_DUPFD_CLOEXEC, aboveForks(files))
	if err != nil {
		return fmt.Errorf("dup image: %w", err)
	}
	defer unix.Close(image)
	path := "/proc/self/fd/" + strconv.Itoa(image)
	attr := &syscall.ProcAttr{Files: files, Sys: &syscall.SysProcAttr{Cloneflags: b.plan.Clone, PidFD: &b.pidfd}}
	if cgroup >= 0 {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD, b.inGroup = true, cgroup, true
	}
	if b.pid, err = syscall.ForkExec(path, []string{"minirun:init"}, attr); err != nil {
		b.pid = 0
		return fmt.Errorf("clone %s: %w", b.opts.ID, err)
	}
	for _, fd := range b.theirs {
		unix.Close(fd)
	}
	b.theirs = nil
	return nil
}

// aboveForks is above every number that the child's descriptors have before
// the execve, or the fork would overwrite the image: it moves up to all of
// them, and a pipe of its own, to numbers from the highest on
// (forkAndExecInChild1 of package syscall).
func aboveForks(files []uintptr) int {
	return max(int(slices.Max(files)), len(files)) + len(files) + 3
}

// raise does minirun's part of the plan beside the image: the cgroup with its
// limits, then what the image reports and waits for.
func (b *birth) raise() error {
	if b.plan.Staged {
		if err := b.awaitStage(); err != nil {
			return err
		}
	}
	if err := b.watched(); err != nil {
		return err
	}
	if err := b.enterGroup(); err != nil {
		return err
	}
	if uid, ok := groupOwner(b.bundle.Spec, b.facts.UIDMappings); ok && b.grouped && !b.facts.Rootless {
		if err := b.group.Own(uid); err != nil {
			return err
		}
	}
	fault("joined")
	if err := b.enterResctrl(); err != nil {
		return err
	}
	if err := b.adjustOOM(); err != nil {
		return err
	}
	if err := b.moveDevices(); err != nil {
		return err
	}
	if err := b.fillStates(); err != nil {
		return err
	}
	if !b.facts.Wait {
		// run has no created state: from the release on it is a container.
		b.rec.Started = time.Now()
		if err := b.record(false); err != nil {
			return err
		}
	}
	if err := b.attached(); err != nil {
		return err
	}
	b.told.Say("lets PID 1 go on: " + strconv.Itoa(b.plan.Len()) + " steps of its plan")
	if err := b.proceed(); err != nil {
		return err
	}
	fault("released")
	return b.serve()
}

// enterGroup moves the process where its clone did not place it. A group that
// cannot be made is not the image's doing: that error stands, whatever the
// image reports.
func (b *birth) enterGroup() error {
	if b.inGroup {
		return nil
	}
	if b.group.Unit() != nil {
		b.grouped = true
		if err := b.reported(b.group.Start(b.pid, b.limits())); err != nil {
			return err
		}
		return b.groupThere()
	}
	if err := b.awaitGroup(); err != nil {
		return err
	}
	if err := b.groupThere(); err != nil {
		return err
	}
	return b.reported(b.group.Join(b.pid))
}

// groupThere lets an image go on that binds directories of its cgroup.
func (b *birth) groupThere() error {
	if !b.plan.AwaitsGroup {
		return nil
	}
	return b.proceed()
}

// beginGroup makes the cgroup and sets its limits beside the compilation and
// the fork: in the hierarchies of version 1 it takes the kernel as long as
// these take minirun. A scope of systemd's begins with a process.
func (b *birth) beginGroup() {
	if b.group.Unit() != nil {
		return
	}
	b.tellGroup()
	b.grouped = true // also when Create fails half-way: Undo knows what is ours
	b.making = make(chan madeGroup, 1)
	go func(g *cgroups.Group, limits *specs.LinuxResources) {
		warm.Stack()
		made := madeGroup{create: g.Create()}
		if made.create == nil {
			fault("grouped")
			made.set = g.Set(limits)
		}
		b.making <- made
	}(b.group, b.limits())
}

// madeGroup is what has come of a cgroup.
type madeGroup struct{ create, set error }

// awaitGroup returns when the cgroup is there, with its limits, and nothing in
// it. Until then the goroutine has b.group for itself, its paths excepted.
func (b *birth) awaitGroup() error {
	if b.making == nil {
		return nil
	}
	made := <-b.making
	b.making = nil
	if made.create != nil {
		return b.withoutGroup(made.create)
	}
	return made.set
}

// noTasks: a fork into a group counts against pids.max, where joining does
// not, and a limit of 0 is for all that come after the first.
func (b *birth) noTasks() bool {
	r := b.limits()
	return r != nil && r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit == 0
}

func (b *birth) limits() *specs.LinuxResources {
	if l := b.bundle.Spec.Linux; l != nil {
		return l.Resources
	}
	return nil
}

// proceed lets the image go on.
func (b *birth) proceed() error {
	if _, err := unix.Write(b.sync, []byte{1}); err != nil && err != unix.EPIPE {
		return fmt.Errorf("release the init: %w", err)
	}
	return nil // EPIPE: the image has ended, and its report says why
}
