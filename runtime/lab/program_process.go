package lab

import (
	"syscall"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
)

// fork starts a child with clone flags, which does body and then exits with 0
// unless body ends otherwise. It returns the child's pid.
func (c *code) fork(flags int, body func()) *nsinit.Cell {
	pid, parent := c.result("clone", n(flags|int(unix.SIGCHLD)), n(0), n(0), n(0), n(0)), c.fresh()
	c.when(pid, nsinit.Ne, 0, parent)
	body()
	c.exit(0)
	c.here(parent)
	return pid
}

func (c *code) exit(status int) { c.call("exit_group", n(status)) }

// wait waits for the end of a child and returns its wait status.
func (c *code) wait(pid nsinit.Arg) *nsinit.Cell {
	status := &nsinit.Cell{Name: "status", Data: space(8)}
	again := c.fresh()
	c.here(again)
	c.do("wait for a child", nsinit.Call{Name: "wait4", Args: []nsinit.Arg{pid, ptr(status.Data), n(0), n(0)},
		On: []nsinit.On{{Errno: unix.EINTR, To: again}}})
	return status
}

// pause sleeps for ever; only handlers and the end are possible.
func (c *code) pause() {
	again := c.fresh()
	c.here(again)
	c.do("sleep for ever", nsinit.Call{Name: "ppoll", Args: []nsinit.Arg{n(0), n(0), n(0), n(0), n(8)},
		OK: again, On: []nsinit.On{{Errno: unix.EINTR, To: again}}})
}

// rest sleeps for some milliseconds; a signal cuts it short.
func (c *code) rest(ms int) {
	c.result("ppoll", n(0), n(0), ptr(words(uint64(ms/1000), uint64(ms%1000)*1e6)), n(0), n(8))
}

// ready says that the program is where the experiment wants it.
func (c *code) ready() { c.mark("ready", n(0)) }

func (c *code) mask(how int, signals ...syscall.Signal) {
	c.call("rt_sigprocmask", n(how), set(signals...), n(0), n(8))
}

// set is a sigset_t.
func set(signals ...syscall.Signal) nsinit.Arg {
	var bits uint64
	for _, s := range signals {
		bits |= 1 << (s - 1)
	}
	return ptr(words(bits))
}

// Values of struct sigaction in the kernel's own form (include/linux/signal_types.h).
const (
	sigDefault = 0
	sigIgnore  = 1
	saRestorer = 0x04000000 // amd64 wants it (setup_rt_frame), although nothing returns here
	saNoDefer  = 0x40000000
)

// dispose sets a signal to default or ignore, or to an address where nothing is.
func (c *code) dispose(sig syscall.Signal, handler uint64) {
	c.call("rt_sigaction", n(int(sig)), ptr(sigaction(handler)), n(0), n(8))
}

// sigaction is {sa_handler, sa_flags, sa_restorer, sa_mask} on both architectures.
func sigaction(handler uint64) *nsinit.Data { return words(handler, saNoDefer|saRestorer, 0, 0) }

// handle installs a handler for a signal. A plan has no functions, so the
// handler is the program's own entry point: entered anew, it finds its phase
// in a cell. It never returns, and SA_NODEFER lets the next signal come all the
// same. Call it first of all; body is the handler.
func (c *code) handle(sig syscall.Signal, body func()) {
	phase, first := &nsinit.Cell{Name: "phase"}, c.fresh()
	c.when(phase, nsinit.Eq, 0, first)
	body()
	c.here(first)
	c.set(phase, 1)
	act := sigaction(0)
	c.entry = append(c.entry, act)
	c.call("rt_sigaction", n(int(sig)), ptr(act), n(0), n(8))
}

// A siginfo is what rt_sigtimedwait tells: si_signo, si_code, si_pid.
type siginfo struct{ signo, code, pid *nsinit.Cell }

// await waits for one of some signals, at most for so many milliseconds, and
// returns which it was or -EAGAIN.
func (c *code) await(ms int, signals ...syscall.Signal) (*nsinit.Cell, siginfo) {
	info := space(128)
	timeout := ptr(words(uint64(ms/1000), uint64(ms%1000)*1e6))
	if ms < 0 {
		timeout = n(0)
	}
	got := c.result("rt_sigtimedwait", set(signals...), ptr(info), timeout, n(8))
	field := func(name string, off int) *nsinit.Cell { return &nsinit.Cell{Name: name, Data: info, Off: off} }
	return got, siginfo{field("si_signo", 0), field("si_code", 8), field("si_pid", 16)}
}

// tell reports a siginfo.
func (c *code) tell(si siginfo) {
	c.mark("si_signo", val(si.signo))
	c.mark("si_code", val(si.code))
	c.mark("si_pid", val(si.pid))
}

// thread starts a thread that sleeps for ever. Both share all cells, so what
// clone returns cannot tell them apart; a signal that is queued for the first
// thread alone can: rt_sigtimedwait finds it there and nowhere else. SIGUSR1
// must be blocked. It reports a clone that failed as "clone" and goes to full.
func (c *code) thread(tid *nsinit.Cell, full string) {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	c.call("tkill", val(tid), n(int(unix.SIGUSR1)))
	c.do("a thread", nsinit.Call{Name: "clone", Args: []nsinit.Arg{n(flags), n(0), n(0), n(0), n(0)},
		On: []nsinit.On{{Errno: unix.EAGAIN, To: full}}})
	c.do("the first thread or the new one?", nsinit.Call{Name: "rt_sigtimedwait",
		Args: []nsinit.Arg{set(unix.SIGUSR1), n(0), ptr(words(0, 0)), n(8)}, On: []nsinit.On{{Errno: unix.EAGAIN, To: "thread"}}})
}
