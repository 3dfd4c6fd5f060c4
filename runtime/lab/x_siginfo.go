package lab

import (
	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// The si_code of signals (include/uapi/asm-generic/siginfo.h).
const (
	siUser    = 0
	siTkill   = -6
	siKernel  = 128
	cldExited = 1
)

// informed is a PID 1 that takes signals by rt_sigtimedwait and tells what it saw.
func informed(sig unix.Signal) *program {
	return assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, sig, unix.SIGALRM, unix.SIGCHLD)
		take := func(sig unix.Signal) { _, si := c.await(-1, sig); c.tell(si) }
		c.ready()
		take(sig)
		child := c.fork(0, func() { c.call("kill", n(1), n(int(sig))) })
		c.mark("child", val(child))
		take(sig)
		take(unix.SIGCHLD)
		c.call("kill", n(1), n(int(sig)))
		take(sig)
		c.call("tgkill", n(1), n(1), n(int(sig)))
		take(sig)
		c.call("setitimer", n(0), ptr(words(0, 0, 0, 1000)), n(0)) // ITIMER_REAL, in 1 ms
		take(unix.SIGALRM)
		take(sig)
		c.pause()
	})
}

// seenSiginfo: the same signal, from everywhere.
func seenSiginfo(b *Bench) {
	const sig = unix.SIGUSR1
	x := b.box(setup{init: informed(sig), others: []*program{assemble(func(c *code) {
		c.try("self", "getpid")
		c.call("kill", n(1), n(int(sig)))
		c.exit(0)
	})}})
	x.note("ready")
	seen := func(from string, sig unix.Signal, code, pid int) {
		b.row(from+": si_signo", signals.Name(int(sig)), signals.Name(x.note("si_signo")))
		b.row(from+": si_code", code, x.note("si_code"))
		b.row(from+": si_pid", pid, x.note("si_pid"))
	}
	x.kill(int(sig))
	seen("kill from the host", sig, siUser, 0)
	child := x.note("child")
	seen("kill from a child", sig, siUser, child)
	seen("the end of the child", unix.SIGCHLD, cldExited, child)
	seen("kill from PID 1 itself", sig, siUser, 1)
	seen("tgkill from PID 1 itself", sig, siTkill, 1)
	seen("a timer", unix.SIGALRM, siKernel, 0)
	_, r := x.exec(0)
	self, err := r.find("self", patience)
	b.must(err)
	seen("kill from an executed process", sig, siUser, self)
}
