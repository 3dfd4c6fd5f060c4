package nsinit

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Init is what the built-in init is asked to do. It is PID 1 in the place of
// the program, which it starts as its child: it passes signals on, reaps
// whatever is orphaned to it, and ends with the program's code, or 128+n when
// signal n ended the program, because no signal can end PID 1 from inside.
//
// It is a Plan of its own, executed by the container's plan as its last step,
// so it has the container's user, capabilities and cgroup, and nothing of
// minirun's. It is one task of a few pages, and it polls nothing.
//
// There are two of them, and Compile chooses. Where the kernel keeps the exit
// status of a process for its pidfd (Facts.ExitInfo), the init ignores SIGCHLD:
// then an orphan that ends is gone in the same moment, by the kernel's doing
// and on the orphan's own time, and the init is not woken (init_watch.go).
// Elsewhere it reaps them itself (init_loop.go).
//
// For exec it is a subreaper (Join): not PID 1 but the further process itself,
// above the program, and what that orphans is adopted by it. It sends nothing
// but to the program, and ends with the last of its children.
type Init struct {
	Forward Forward
	Wait    InitWait
	Grace   time.Duration // how long the others have with WaitAll; negative: without end
	Stop    int           // the signal that the others get with WaitAll
	Exit    []ExitCode    // the first entry that matches the code replaces it
}

// Forward is who gets the signals that are sent to the init.
type Forward string

// The values of Forward. Once the program is gone, all get them.
const (
	ForwardChild Forward = "child" // the program alone
	ForwardGroup Forward = "group" // its process group
	ForwardAll   Forward = "all"   // every process of the PID namespace
)

// InitWait is when the init ends.
type InitWait string

// The values of InitWait.
const (
	WaitMain InitWait = "main" // with the program: the kernel kills the others
	WaitAll  InitWait = "all"  // when the others, told to stop, have ended too, or Grace is over
)

// ExitCode replaces one exit code by another.
type ExitCode struct{ From, To int }

// initName is the init's name for ps. It is that of the waiting image but for
// one character, so that created and running look different.
const initName = "minirun-init"

// initName of a subreaper tells it from PID 1.
func (b *builder) initName() string {
	if b.joining != nil {
		return "minirun-subreap"
	}
	return initName
}

// keepReport lets the init have the report descriptor: it reports, with step
// numbers that go on from the plan's, whether its child's execve succeeded.
func (b *builder) keepReport() {
	if b.facts.Init == nil {
		return
	}
	if b.joining == nil && b.ns.created&unix.CLONE_NEWPID == 0 {
		b.fail("--init: linux.namespaces has no PID namespace of the container's own, and an init that is not PID 1 would adopt nothing")
		return
	}
	b.call("the init reports from here on", "fcntl", b.fd(Inherit{Role: RoleReport}),
		sym(unix.F_SETFD, "F_SETFD"), num(0))
}

// becomeInit executes the init in the place of the program. The program's
// arguments and environment are in the init's image, where an execve finds
// them; the init has them too, for whoever reads /proc/1/cmdline and environ.
func (b *builder) becomeInit() {
	args := append([]string{b.initName()}, b.spec.Process.Args...)
	b.call("exec the built-in init", "execveat", b.fd(Inherit{Role: RoleInit}), str(""),
		vector(args), vector(b.environ()), sym(unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"))
	b.plan.Init = b.initPlan(*b.facts.Init)
	b.plan.Init.First = len(b.plan.Steps)
	b.checkFilter(b.plan.Init)
}

func (b *builder) initPlan(in Init) *Plan {
	i := &initBuilder{
		builder: builder{spec: b.spec, facts: b.facts, plan: &Plan{Arch: b.plan.Arch, Report: b.plan.Report}, joining: b.joining},
		init:    in,
		pid:     &Cell{Name: "pid"},
		status:  &Cell{Name: "status", Data: space(4, "&status")},
		sig:     &Cell{Name: "sig"},
		full:    &Cell{Name: "full"},
		dead:    &Cell{Name: "dead"},
		info:    space(128, "&siginfo"),
	}
	i.guard()
	i.fork(b.candidates(), b.environ())
	if i.watches = b.kernelReaps(); i.watches {
		i.watching()
	} else {
		i.reaping()
	}
	switch {
	case i.joining != nil:
		i.outlive()
	case in.Wait == WaitAll:
		i.others()
	}
	i.leave()
	return i.plan
}

// initBuilder collects the steps of the init.
type initBuilder struct {
	builder
	init Init

	pid    *Cell // of the program
	status *Cell // of the program, as wait4 gives it
	sig    *Cell // the signal at hand
	info   *Data // its siginfo_t
	full   *Cell // whether the program's queue had no room for it
	dead   *Cell // the child that wait4 took

	child   receiver // the program, to send signals to
	watches bool     // the kernel reaps
}

// candidates are the paths under which the program is tried. The plan has
// looked it up already, as the same user, so that a missing program is an
// error of create; what it found cannot be handed through an execve, and a
// descriptor in place of the path would break scripts, whose interpreter
// opens them by name. So the child of the init looks once more, as execvp(3).
func (b *builder) candidates() []string {
	name := b.spec.Process.Args[0]
	if strings.Contains(name, "/") {
		return []string{name}
	}
	dirs := searchPath(b.spec.Process.Env)
	if len(dirs) == 0 {
		return []string{name}
	}
	paths := make([]string, len(dirs))
	for i, d := range dirs {
		paths[i] = d + "/" + name
	}
	return paths
}
