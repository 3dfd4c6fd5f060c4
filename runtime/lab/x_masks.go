package lab

import (
	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// blocked: PID 1 blocks TERM, and unblocks it when USR1 comes.
func blocked(b *Bench) {
	const sig = unix.SIGTERM
	play := func(name string, prepare func(*code), want string) {
		x := b.box(setup{init: assemble(func(c *code) {
			prepare(c)
			c.mask(unix.SIG_BLOCK, sig, unix.SIGUSR1)
			c.ready()
			c.await(-1, unix.SIGUSR1)
			c.mask(unix.SIG_UNBLOCK, sig)
			c.mark("unblocked", n(0))
			c.pause()
		})})
		x.note("ready")
		a := signals.Verdict(x.task().Question(int(sig), signals.Kill, false))
		x.kill(int(sig))
		got := "lost"
		if x.task().Shared.Has(int(sig)) {
			got = "pending"
		}
		b.row(name+": TERM from the host while blocked (ShdPnd)", a.Action, got, a.Reason)
		b.row(name+": PID 1", lives, x.fate(settle))
		x.kill(int(unix.SIGUSR1))
		b.row(name+": PID 1 after it unblocks TERM", want, x.becomes(want), "after_unblock: "+a.AfterUnblock.String())
	}
	play("no handler", func(*code) {}, lives)
	play("handler", func(c *code) { c.handle(sig, func() { c.exit(fromHandler) }) }, exited(fromHandler))
}

// awaited: what /proc shows of a PID 1 that waits, and that the wait takes TERM.
func awaited(b *Bench) {
	const sig = unix.SIGTERM
	for _, w := range []struct {
		name string
		make *program
		blk  bool // sigtimedwait moves the mask aside while it waits
	}{{"sigtimedwait", waiter(sig), false}, {"signalfd", signalfd(sig), true}} {
		x := b.box(setup{init: w.make})
		x.note("ready")
		x.asleep()
		task := x.task()
		b.row(w.name+": TERM in SigCgt of /proc/1/status", false, task.Caught.Has(int(sig)))
		b.row(w.name+": TERM in SigBlk of /proc/1/status", w.blk, task.Blocked.Has(int(sig)))
		a := signals.Verdict(task.Question(int(sig), signals.Kill, false))
		b.row(w.name+": the rule's answer on TERM from the host", signals.Consumable, a.Action, a.Reason)
		x.kill(int(sig))
		b.row(w.name+": PID 1 after TERM from the host", exited(fromWait), x.fate(patience))
	}
}

// fault: SEGV that is sent, and SEGV that is raised by a jump to nowhere.
func fault(b *Bench) {
	const nowhere = 0x10
	x := b.box(setup{init: assemble(func(c *code) {
		c.dispose(unix.SIGUSR1, nowhere)
		c.ready()
		c.pause()
	}), others: []*program{sender(1, unix.SIGSEGV), sender(1, unix.SIGUSR1)}})
	x.note("ready")
	task, sig := x.task(), int(unix.SIGSEGV)
	for _, inside := range []bool{true, false} {
		want, why := predict(task, sig, inside)
		from := "the host"
		if inside {
			from = "inside"
			x.exec(0)
		} else {
			x.kill(sig)
		}
		b.row("SEGV sent from "+from, want, x.becomes(want), why)
	}
	a := signals.Verdict(task.Question(sig, signals.Fault, true))
	x.exec(1)
	b.row("a handler at an address where nothing is", fateOf(a, sig), x.fate(patience), a.Reason)
}

// reRaise: the idiom that is right everywhere but in PID 1.
func reRaise(b *Bench) {
	const sig = unix.SIGTERM
	body := func(c *code) {
		c.handle(sig, func() {
			c.dispose(sig, sigDefault)
			self := c.result("getpid")
			c.try("raise", "kill", val(self), n(int(sig)))
			c.mark("lived", n(0))
			c.pause()
		})
	}
	x := b.box(setup{init: assemble(func(c *code) { body(c); c.ready(); c.pause() })})
	x.note("ready")
	b.row("PID 1 catches TERM", true, x.task().Caught.Has(int(sig)))
	x.kill(int(sig))
	b.row("PID 1: kill(1, TERM) in the handler returns", 0, x.note("raise"))
	x.note("lived")
	b.row("PID 1 after its own TERM", lives, x.fate(settle))
	b.row("PID 1 catches TERM now", false, x.task().Caught.Has(int(sig)))
	want, why := predict(x.task(), int(sig), false)
	x.kill(int(sig))
	b.row("PID 1 after a second TERM", want, x.becomes(want), why)

	y := b.box(setup{init: assemble(func(c *code) {
		body(c) // the child inherits the handler
		pid := c.fork(0, func() { c.mark("child", n(0)); c.pause() })
		c.rest(50)
		c.call("kill", val(pid), n(int(sig)))
		status := c.wait(val(pid))
		c.mark("status", val(status))
		c.exit(0)
	})})
	b.row("an ordinary process after its own TERM", killedBy(int(sig)), ended(y.note("status")))
	b.row("PID 1 that waited", exited(0), y.fate(patience))
}

// stopCont: who can stop PID 1.
func stopCont(b *Bench) {
	x := b.box(setup{init: sleeper(), others: []*program{sender(1, unix.SIGSTOP), sender(1, unix.SIGCONT)}})
	x.note("ready")
	send := func(what string, sig unix.Signal, inside bool, other int) {
		want, why := predict(x.task(), int(sig), inside)
		if sig == unix.SIGCONT {
			want = lives // prepare_signal resumes before anything is ignored
		}
		if inside {
			x.exec(other)
		} else {
			x.kill(int(sig))
		}
		b.row(what, want, x.becomes(want), why)
	}
	send("STOP from inside", unix.SIGSTOP, true, 0)
	send("TSTP from the host", unix.SIGTSTP, false, 0)
	send("STOP from the host", unix.SIGSTOP, false, 0)
	send("CONT from inside", unix.SIGCONT, true, 1)
}
