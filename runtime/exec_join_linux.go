package runtime

import (
	"fmt"
	goruntime "runtime"

	"minirun/bundles"
	"minirun/cgroups"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// approach takes every decision of an exec. It starts no process.
func (rt *Runtime) approach(o ExecOptions) (*execution, error) {
	x := &execution{o: o, birth: birth{rt: rt, image: -1, pidfd: -1, report: -1, sync: -1, console: -1, agent: -1, output: -1}}
	x.opts = CreateOptions{ID: o.ID, PidFile: o.PidFile, ConsoleSocket: o.ConsoleSocket,
		PidfdSocket: o.PidfdSocket, PreserveFDs: o.PreserveFDs}
	if !o.Detach {
		x.opts.terminalSize = callersSize()
	}
	r, err := rt.Store.Load(o.ID)
	if err != nil {
		return nil, err
	}
	if x.init, err = openInit(r); err != nil {
		return nil, err
	}
	for _, step := range []func() error{x.permitted, x.process, x.places, x.checkPreserved, x.compile} {
		if err := step(); err != nil {
			defer x.init.close()
			if err == errGone {
				return nil, x.explain(err)
			}
			return nil, err
		}
	}
	return x, nil
}

// permitted consults the table of what a status permits.
func (x *execution) permitted() error {
	if err := x.init.look(); err != nil {
		return err
	}
	err := refuse(actExec, statusOf(x.init.r, x.init.seen), x.o.ID)
	if err == ErrExecPaused && x.o.IgnorePaused {
		return nil
	}
	return err
}

// process is the process object: the one of --process, or that of the
// container's config.json with the flags applied.
func (x *execution) process() error {
	bundle, err := bundles.Load(x.init.r.Bundle)
	if err != nil {
		return err
	}
	p := bundle.Spec.Process
	if x.o.Process == "" {
		err = x.o.change(p)
	} else {
		p, err = readProcess(x.o.Process)
	}
	// What follows is about this process and, of config.json, about nothing
	// else but what holds for every process of the container.
	if err == nil {
		x.sized(p)
	}
	x.bundle = &bundles.Bundle{Dir: bundle.Dir, Spec: &specs.Spec{Process: p, Linux: bundle.Spec.Linux}}
	return err
}

func readProcess(path string) (*specs.Process, error) {
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err != nil {
		return nil, fmt.Errorf("--process: open %s: %w", path, err)
	}
	p, err := bundles.DecodeProcess(text)
	if err == nil {
		err = bundles.ValidateProcess(p)
	}
	return p, err
}

// places finds the container's cgroup, or the one below it that is wanted.
func (x *execution) places() error {
	paths, err := subgroups(x.init.r.Cgroups, x.o.Cgroups)
	if err == nil {
		x.group = cgroups.Restore(paths).Of(x.init.r.Unit)
	}
	return err
}

func (x *execution) compile() error {
	if err := x.gatherFacts(); err != nil {
		return err
	}
	join, err := x.init.joins()
	if err != nil {
		return err
	}
	paths := x.group.Paths()
	if err := x.userFacts(join); err != nil {
		return err
	}
	u := x.group.Unit()
	// The clone takes the right to write to the cgroup, which root of a user
	// namespace has not, and in a scope of the user's no more than minirun.
	join.IntoCgroup = len(paths) == 1 && paths[""] != "" && join.Namespaces&unix.CLONE_NEWUSER == 0 && (u == nil || !u.User)
	x.inGroup = join.IntoCgroup
	if x.plan, err = nsinit.CompileExec(x.bundle.Spec, x.bundle.Spec.Process, x.facts, join); err != nil {
		return err
	}
	inject(x.plan)
	// What was read of the init's /proc was its own if it has not ended.
	if err := x.init.checkEnded(); err != nil || x.init.seen.alive() {
		return err
	}
	return errGone
}

// gatherFacts looks at the caller, and at the container's passwd file.
func (x *execution) gatherFacts() error {
	self, err := readFileAt(unix.AT_FDCWD, "/proc/self/status")
	if err != nil {
		return fmt.Errorf("read /proc/self/status: %w", err)
	}
	f := &x.facts
	f.Arch, f.ID, f.Root = goruntime.GOARCH, x.o.ID, "/"
	f.Console, f.PreserveFDs = x.bundle.Spec.Process.Terminal, x.o.PreserveFDs
	readSelf(f, string(self))
	for fd := range f.Stdio {
		f.Stdio[fd] = stdioOf(fd)
	}
	f.Home = homeOf(x.bundle, procPath(x.init.r.Pid)+"/root")
	labelFacts(f, x.bundle.Spec)
	if x.o.Subreap {
		f.Init, f.ExitInfo = &nsinit.Init{Forward: nsinit.ForwardChild, Wait: nsinit.WaitAll}, keepsExitStatus()
	}
	return nil
}

// userFacts are those of a container with a user namespace.
func (x *execution) userFacts(j nsinit.Join) error {
	user := j.Namespaces&unix.CLONE_NEWUSER != 0
	if user {
		var err error
		if x.facts.UIDMappings, err = readMappings(procPath(x.init.r.Pid) + "/uid_map"); err != nil {
			return err
		}
	}
	return processFacts(&x.facts, x.bundle.Spec.Process, user)
}

// joins compares the init's namespaces with minirun's own, and its root.
// errGone says that it has none left: it is exiting.
func (p *initProc) joins() (nsinit.Join, error) {
	var j nsinit.Join
	for _, ns := range [...]struct {
		name string
		flag uintptr
	}{
		{"mnt", unix.CLONE_NEWNS}, {"pid", unix.CLONE_NEWPID}, {"net", unix.CLONE_NEWNET}, {"ipc", unix.CLONE_NEWIPC},
		{"uts", unix.CLONE_NEWUTS}, {"cgroup", unix.CLONE_NEWCGROUP}, {"time", unix.CLONE_NEWTIME}, {"user", unix.CLONE_NEWUSER},
	} {
		differs, err := p.differs("ns/" + ns.name)
		if err != nil {
			return j, err
		}
		if differs {
			j.Namespaces |= ns.flag
		}
	}
	if j.Namespaces&unix.CLONE_NEWNS != 0 {
		return j, nil
	}
	var err error
	j.Chroot, err = p.differs("root")
	return j, err
}

// differs compares a link of the init's /proc with minirun's own.
func (p *initProc) differs(link string) (bool, error) {
	ours, err := statPath("/proc/self/" + link)
	if err == errGone {
		return false, nil // this kernel has no such namespace
	}
	if err != nil {
		return false, err
	}
	theirs, err := statLink(p.r.Pid, link)
	return ours.Dev != theirs.Dev || ours.Ino != theirs.Ino, err
}

// checkRoom refuses a full cgroup, where the kernel would not.
func (x *execution) checkRoom() error {
	if x.inGroup {
		return nil
	}
	if stat, err := x.group.PidsStat(); err == nil && full(stat) {
		return &FullError{stat}
	}
	return nil // also where the pids controller is not mounted: there is no limit then
}

// joinDescriptor opens what an exec needs of the container.
func (b *birth) joinDescriptor(role nsinit.Role) (int, error) {
	switch role {
	case nsinit.RoleJoin:
		return b.init.pidfd, nil
	case nsinit.RoleRoot:
		return b.openOfInit("root", unix.O_PATH|unix.O_DIRECTORY)
	case nsinit.RoleCgroupNS:
		return b.openOfInit("ns/cgroup", unix.O_RDONLY)
	case nsinit.RoleCgroup:
		return b.cgroupAlone()
	}
	return -1, fmt.Errorf("bug: nobody knows the role %q", role)
}

// openOfInit opens a link in the init's /proc.
func (b *birth) openOfInit(link string, flags int) (int, error) {
	path := procPath(b.init.r.Pid) + "/" + link
	fd, err := openAt(unix.AT_FDCWD, path, flags, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return b.theirsIs(fd, nil)
}

// cgroupAlone opens the container's cgroup as the root of a mount that is
// attached nowhere. For a moment the descriptor is open in a process that the
// container sees; there is no way up from it to the host's cgroups.
func (b *birth) cgroupAlone() (int, error) {
	dir, err := b.group.OpenUnified()
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	fd, err := unix.OpenTree(dir, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, fmt.Errorf("open_tree cgroup: %w", err)
	}
	return b.theirsIs(fd, nil)
}
