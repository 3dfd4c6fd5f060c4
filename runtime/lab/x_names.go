package lab

import (
	"golang.org/x/sys/unix"

	"minirun/nsinit"
	"minirun/runtime/signals"
)

// turn waits until the host sends USR1, which must be blocked.
func (c *code) turn() { c.await(-1, unix.SIGUSR1) }

// turn lets the program go on.
func (x *box) turn() { x.kill(int(unix.SIGUSR1)) }

// nested: an init inside, and its ancestor's signals.
func nested(b *Bench) {
	x := b.box(setup{init: assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, unix.SIGUSR1)
		inner := c.fork(unix.CLONE_NEWPID, func() {
			c.fork(0, func() { c.pause() })
			c.try("inner", "getpid")
			c.pause()
		})
		c.mark("clone", val(inner))
		c.turn()
		c.call("kill", val(inner), n(int(unix.SIGTERM)))
		c.rest(int(settle.Milliseconds()))
		c.try("after TERM", "wait4", val(inner), n(0), n(unix.WNOHANG), n(0))
		c.call("kill", val(inner), n(int(unix.SIGKILL)))
		c.mark("after KILL", val(c.wait(val(inner))))
		c.pause()
	})})
	values := x.notes.collect(b, "inner", "clone")
	b.row("getpid of the inner init", 1, values["inner"])
	b.row("tasks of the container with the inner init and its child", 3, x.tasks())
	b.row("NSpid of the inner init, from the container's namespace on", []int{values["clone"], 1}, x.inner())
	x.turn()
	b.row("the inner init after TERM from PID 1 (wait4: 0, it lives)", 0, x.note("after TERM"))
	b.row("the inner init after KILL from PID 1", killedBy(int(unix.SIGKILL)), ended(x.note("after KILL")))
	b.row("tasks of the container now", 1, x.tasksReach(1))
}

// adopted reports the parent of a process once that is another than the one
// that has forked it.
func (c *code) adopted(mark string, parent *nsinit.Cell) {
	now, again, out := &nsinit.Cell{Name: "parent"}, c.fresh(), c.fresh()
	c.here(again)
	c.do("who is it?", nsinit.Call{Name: "getppid", Result: now})
	c.do("decide", nsinit.If{Cell: now, Cmp: nsinit.Ne, Value: val(parent), To: out})
	c.rest(5)
	c.jump(again)
	c.here(out)
	c.mark(mark, val(now))
}

// orphans: who is getppid of a process whose parent has ended.
func orphans(b *Bench) {
	orphan := func(c *code, mark string) {
		c.wait(val(c.fork(0, func() {
			parent := c.result("getpid")
			c.fork(0, func() { c.adopted(mark, parent) })
		})))
	}
	x := b.box(setup{init: assemble(func(c *code) {
		orphan(c, "below PID 1")
		c.fork(0, func() {
			c.call("prctl", n(unix.PR_SET_CHILD_SUBREAPER), n(1), n(0), n(0), n(0))
			c.try("subreaper", "getpid")
			orphan(c, "below the subreaper")
			c.pause()
		})
		c.ready()
		c.pause()
	}), others: []*program{assemble(func(c *code) {
		c.try("executed", "getppid")
		parent := c.result("getpid")
		c.fork(0, func() { c.adopted("its child", parent) })
		c.exit(0)
	})}})
	values := x.notes.collect(b, "below PID 1", "subreaper", "below the subreaper", "ready")
	b.row("getppid of an orphan below PID 1", 1, values["below PID 1"])
	b.row("getppid of an orphan below a subreaper", values["subreaper"], values["below the subreaper"])
	_, r := x.exec(0)
	values = r.collect(b, "executed", "its child")
	b.row("getppid of an executed process", 0, values["executed"])
	b.row("getppid of its child after its end", 1, values["its child"])
}

// group: the one hole in the protection of an init.
func group(b *Bench) {
	x := b.box(setup{init: assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, unix.SIGUSR1)
		sibling := c.fork(unix.CLONE_NEWPID, func() { c.mark("sibling", n(0)); c.pause() })
		attacker := c.fork(unix.CLONE_NEWPID, func() {
			c.mark("attacker", n(0))
			c.turn()
			c.try("kill", "kill", n(0), n(int(unix.SIGKILL)))
			c.pause()
		})
		c.turn()
		c.call("kill", val(attacker), n(int(unix.SIGUSR1)))
		c.mark("status", val(c.wait(val(sibling))))
		c.try("attacker lives", "wait4", val(attacker), n(0), n(unix.WNOHANG), n(0))
		c.pause()
	})})
	x.notes.collect(b, "sibling", "attacker")
	q := signals.Question{Signal: int(unix.SIGKILL), How: signals.Kill, Init: true}
	a := signals.Verdict(q)
	x.turn()
	values := x.notes.collect(b, "kill", "status", "attacker lives")
	b.row("kill(0, SIGKILL) by an init returns", 0, values["kill"])
	b.row("its sibling in the same process group", killedBy(int(unix.SIGKILL)), ended(values["status"]), a.Reason)
	b.row("the sender, an init too (wait4: 0, it lives)", 0, values["attacker lives"])
	b.row("PID 1, their ancestor, in whose namespace the sender has a pid", lives, x.fate(settle))
	pgrp, session := x.session()
	b.row("the container's process group is its init's", x.pid, pgrp)
	b.row("the container's session is its init's", x.pid, session)
}

// killAll: kill(-1, KILL) by one of two children.
func killAll(b *Bench) {
	var victim *nsinit.Cell
	x := b.box(setup{init: assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, unix.SIGUSR1)
		victim = c.fork(0, func() { c.mark("victim", n(0)); c.pause() })
		c.turn()
		sender := c.fork(0, func() {
			c.try("kill", "kill", n(-1), n(int(unix.SIGKILL)))
			c.exit(fromHandler)
		})
		c.mark("victim's status", val(c.wait(val(victim))))
		c.mark("sender's status", val(c.wait(val(sender))))
		c.pause()
	})})
	x.note("victim")
	x.turn()
	values := x.notes.collect(b, "kill", "victim's status", "sender's status")
	b.row("kill(-1, SIGKILL) returns", 0, values["kill"])
	b.row("the other child", killedBy(int(unix.SIGKILL)), ended(values["victim's status"]))
	b.row("the sender", exited(fromHandler), ended(values["sender's status"]))
	b.row("PID 1", lives, x.fate(settle))
}
