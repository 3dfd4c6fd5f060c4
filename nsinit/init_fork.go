package nsinit

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// faultSignals are neither blocked, nor waited for, nor passed on. The kernel
// raises them for an instruction of the task itself, and a fault that is
// blocked kills at once (force_sig_info_to_task). One that somebody sent is
// about a fault that did not happen, and PID 1 ignores it as any signal that
// it has no handler for.
var faultSignals = sigset(unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGSYS)

// sigset is a sigset_t of the kernel's: bit n-1 is signal n.
func sigset(signals ...unix.Signal) (set uint64) {
	for _, s := range signals {
		set |= 1 << (s - 1)
	}
	return set
}

// allSignals is the set that the init blocks.
func (b *initBuilder) allSignals() Arg {
	return b.shared(words("~[ILL TRAP ABRT BUS FPE SEGV SYS]", ^faultSignals))
}

func setMask(set Arg) []Arg {
	return []Arg{sym(unix.SIG_SETMASK, "SIG_SETMASK"), set, null, num(8)}
}

// guard holds signals back from the first instruction on, so that none is lost
// before the loop waits for it, and none takes effect between fork and execve.
func (b *initBuilder) guard() {
	b.call("signals wait until the init takes them", "rt_sigprocmask", setMask(b.allSignals())...)
	if b.joining != nil {
		b.call("what the program orphans comes here", "prctl", sym(unix.PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER"),
			num(1), num(0), num(0), num(0))
	} else {
		b.first()
	}
	b.name(b.initName())
	b.call("the program does not get the report descriptor", "fcntl", num(b.plan.Report),
		sym(unix.F_SETFD, "F_SETFD"), sym(unix.FD_CLOEXEC, "FD_CLOEXEC"))
	if b.facts.DieWithParent {
		b.bond(b.plan.Report)
	}
}

// first demands to be PID 1.
func (b *initBuilder) first() {
	self, first := &Cell{Name: "self"}, b.fresh("first")
	b.do("who am I?", Call{Name: "getpid", Result: self})
	b.do("PID 1", If{Cell: self, Cmp: Eq, Value: num(1), To: first})
	b.do("not PID 1: kill(-1) would reach others than the container's",
		Fail{Errno: unix.EPERM, Message: "the built-in init is not PID 1"})
	b.here(first)
}

// fork starts the program. The child runs in the init's memory until its
// execve, as after vfork(2), so all of what it does is done before the init
// sees the first signal. It is clone and not clone3, which filters of seccomp
// refuse because they cannot look into its structure.
func (b *initBuilder) fork(candidates, env []string) {
	const flags = unix.CLONE_VM | unix.CLONE_VFORK
	b.do("the program, as a child", Call{Name: "clone", Result: b.pid, Args: []Arg{
		sym(flags|uint64(unix.SIGCHLD), flagText(flags)+"|SIGCHLD"), null, null, null, num(0)}})
	b.do("the init goes on when the child has executed it", If{Cell: b.pid, Cmp: Ne, Value: num(0), To: "parent"})
	// Not a session of its own: there its group would be orphaned, and ^Z and
	// SIGTSTP without effect (will_become_orphaned_pgrp, kernel/exit.c).
	b.call("the child: a process group of its own", "setpgid", num(0), num(0))
	if b.facts.Console {
		b.foreground()
	}
	b.call("the child: an empty signal mask", "rt_sigprocmask", setMask(b.shared(words("[]", 0)))...)
	argv, envp := vector(b.spec.Process.Args), vector(env)
	for n, path := range candidates {
		exec := Call{Name: "execve", Args: []Arg{str(path), argv, envp}}
		if n < len(candidates)-1 {
			exec.On = tolerate(unix.ENOENT, unix.ENOTDIR, unix.EACCES, unix.ELOOP, unix.ENAMETOOLONG)
		}
		b.do(fmt.Sprintf("exec %q", b.spec.Process.Args[0]), exec)
	}
}

// foreground gives the child's group the terminal, so that ^C, ^Z, ^\ and
// changes of the window's size go to it straight from the kernel. SIGTTOU,
// which the terminal sends to who asks for this from the background, is blocked.
func (b *initBuilder) foreground() {
	self := &Cell{Name: "group", Data: space(4, "&group")}
	b.do("the child: its group", Call{Name: "getpid", Result: self})
	b.do("the child: in the foreground of the terminal", Call{Name: "ioctl", On: tolerate(unix.EIO, unix.ENOTTY), // hung up already
		Args: []Arg{num(0), sym(unix.TIOCSPGRP, "TIOCSPGRP"), Ptr{Data: self.Data}}})
}

// halve leaves half of the room for queued signals to the program. The kernel
// counts what is queued by user, so a storm that fills the init's queue would
// else leave no room for the one signal that the init has taken out of it to
// pass it on, and both would wait for each other.
func (b *initBuilder) halve() {
	limit, done := space(16, "&rlimit"), b.fresh("halved")
	soft, high := &Cell{Name: "rlim_cur", Data: limit}, &Cell{Name: "rlim_cur>>32", Data: limit, Off: 4}
	const why = "a full queue of the init's leaves room in the program's"
	resource := sym(unix.RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING")
	b.do(why, Call{Name: "prlimit64", On: divert(done, unix.EPERM, unix.ENOSYS),
		Args: []Arg{num(0), resource, null, Ptr{Data: limit}}})
	b.do(why, If{Cell: high, Cmp: Ne, Value: num(0), To: done})
	b.do(why, If{Cell: soft, Cmp: Lt, Value: num(2), To: done})
	b.do(why, Set{Cell: soft, A: Val{soft}, Fn: Shr, B: num(1)})
	b.call(why, "prlimit64", num(0), resource, Ptr{Data: limit}, null)
	b.here(done)
}

// settle lets go of what the init does not need: end-of-file on the report
// descriptor says that the program runs.
func (b *initBuilder) settle() {
	b.do("keep no directory busy", Call{Name: "chdir", Args: []Arg{str("/")}, On: tolerate(unix.EACCES)})
	b.halve()
	if n := b.facts.PreserveFDs; n > 0 {
		b.do("preserved descriptors are the program's alone", Call{Name: "close_range", On: tolerate(unix.EPERM, unix.ENOSYS),
			Args: []Arg{num(3), num(2 + n), num(0)}})
	}
	b.call("the program runs, or has reported why not", "close", num(b.plan.Report))
}
