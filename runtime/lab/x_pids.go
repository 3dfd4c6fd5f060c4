package lab

import (
	"golang.org/x/sys/unix"

	"minirun/nsinit"
)

// tryFork reports what fork returns to the parent; the child exits at once.
func (c *code) tryFork(mark string) {
	c.mark(mark, val(c.fork(0, func() {})))
}

// forks reports one fork and ends.
func forks() *program { return assemble(func(c *code) { c.tryFork("fork"); c.exit(0) }) }

// zombies: a parent that never waits, under a limit that it almost fills.
func zombies(b *Bench) {
	const count, limit = 1000, 1002
	x := b.box(setup{pids: limit, init: assemble(func(c *code) {
		c.times(count, func() { c.fork(0, func() {}) })
		c.ready()
		c.pause()
	}), others: []*program{forks(), sleeper()}})
	x.note("ready")
	b.row("pids.current with 1,000 unreaped children", count+1, x.tasks())
	call, r := x.exec(0)
	b.row("exec: exit code while one place is left", 0, call.code, call.first())
	b.row("fork in the executed process, which has the last place", -int(unix.EAGAIN), r.answer("fork"), "EAGAIN")
	if call.code != 0 {
		return // a runtime that needs more than one place to execute a process
	}
	x.detach(1)
	b.row("pids.current with an executed process that stays", limit, x.tasksReach(limit))
	call, _ = x.exec(0)
	b.row("exec at pids.max is refused", true, call.code != 0, call.first())
}

// zombiesInit: a program that orphans, alone and with the built-in init.
func zombiesInit(b *Bench) {
	const count = 1000
	orphaner := assemble(func(c *code) {
		c.times(count, func() { c.wait(val(c.fork(0, func() { c.fork(0, func() {}) }))) })
		c.ready()
		c.pause()
	})
	for _, s := range []struct {
		name  string
		flags []string
		tasks int
	}{{"the program as PID 1", nil, count + 1}, {"with --init", []string{"--init"}, 2}} {
		x := b.box(setup{pids: 1100, init: orphaner, flags: s.flags})
		x.note("ready")
		b.row(s.name+": pids.current after 1,000 orphans", s.tasks, x.tasksReach(s.tasks))
	}
}

// threads: a thousand, and then up to the limit.
func threads(b *Bench) {
	const count, limit = 1000, 1002
	x := b.box(setup{pids: limit, init: assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, unix.SIGUSR1, unix.SIGUSR2)
		tid, more := c.result("gettid"), c.fresh()
		c.times(count, func() { c.thread(tid, "full") })
		c.mark("threads", n(0))
		c.await(-1, unix.SIGUSR2)
		c.here(more)
		c.thread(tid, "full")
		c.jump(more)
		c.here("full")
		c.mark("full", n(0))
		c.here("thread")
		c.pause()
	})})
	x.note("threads")
	b.row("pids.current with 1,000 threads more", count+1, x.tasks())
	b.row("threads of PID 1 in /proc", count+1, x.threads())
	x.kill(int(unix.SIGUSR2))
	x.note("full")
	b.row("pids.current when clone fails", limit, x.tasks())
	b.row("forks that pids.events counts as refused", 1, x.refused())
}

// enomem: the children of a process whose namespace has lost its init.
func enomem(b *Bench) {
	x := b.box(setup{init: assemble(func(c *code) {
		c.wait(val(c.fork(0, func() {
			c.call("unshare", n(unix.CLONE_NEWPID))
			first := c.fork(0, func() { c.try("first", "getpid") })
			c.wait(val(first))
			c.tryFork("second")
		})))
		c.pause()
	})})
	b.row("getpid of the first child after unshare(CLONE_NEWPID)", 1, x.note("first"))
	b.row("fork after its end", -int(unix.ENOMEM), x.note("second"), "ENOMEM")
}

// eagain: the limit, and what makes room below it.
func eagain(b *Bench) {
	x := b.box(setup{pids: 4, init: assemble(func(c *code) {
		var last *nsinit.Cell
		for range 3 {
			last = c.fork(0, func() {})
		}
		c.tryFork("at the limit")
		c.wait(val(last))
		c.mark("place", val(c.fork(0, func() { c.pause() })))
		c.pause()
	})})
	b.row("fork with 3 unreaped children under pids.max 4", -int(unix.EAGAIN), x.note("at the limit"), "EAGAIN")
	b.row("fork after one is reaped succeeds", true, x.note("place") > 0)
	b.row("pids.events max", 1, x.refused())
}
