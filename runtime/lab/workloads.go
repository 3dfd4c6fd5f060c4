package lab

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The exit codes by which workloads tell how they ended.
const (
	fromHandler = 7
	fromWait    = 8
)

// sleeper has no handler and sleeps.
func sleeper() *program { return assemble(func(c *code) { c.ready(); c.pause() }) }

// leaver ends at once.
func leaver(status int) *program { return assemble(func(c *code) { c.exit(status) }) }

// handler ends in a handler of a signal.
func handler(sig syscall.Signal) *program {
	return assemble(func(c *code) {
		c.handle(sig, func() { c.mark("handler", n(0)); c.exit(fromHandler) })
		c.ready()
		c.pause()
	})
}

// waiter blocks a signal and takes it with sigtimedwait, as tini does.
func waiter(sig syscall.Signal) *program {
	return assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, sig)
		c.ready()
		_, si := c.await(-1, sig)
		c.tell(si)
		c.exit(fromWait)
	})
}

// signalfd takes a blocked signal from a signalfd, as catatonit does.
func signalfd(sig syscall.Signal) *program {
	return assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, sig)
		fd := c.result("signalfd4", n(-1), set(sig), n(8), n(0))
		c.ready()
		info := space(128)
		c.call("read", val(fd), ptr(info), n(128))
		c.exit(fromWait)
	})
}

// sender sends a signal to a pid and reports what kill(2) says.
func sender(pid int, sig syscall.Signal) *program {
	return assemble(func(c *code) { c.try("kill", "kill", n(pid), n(int(sig))); c.exit(0) })
}
