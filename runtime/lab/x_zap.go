package lab

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
)

const kids = 10

// family is a program with children that have the same handler of TERM: the
// parent leaves in it, a child says that it has cleaned up.
func family() *program {
	return assemble(func(c *code) {
		role := &nsinit.Cell{Name: "role"} // 0: the parent
		c.handle(unix.SIGTERM, func() {
			c.when(role, nsinit.Eq, 0, "parent")
			c.rest(20)
			c.mark("cleaned", n(0))
			c.exit(0)
			c.here("parent")
			c.exit(fromHandler)
		})
		c.times(kids, func() {
			c.fork(0, func() { c.set(role, 1); c.mark("up", n(0)); c.pause() })
		})
		c.ready()
		c.pause()
	})
}

// gathered waits until the whole family is there.
func (x *box) gathered() {
	up, ready := 0, false
	for up < kids || !ready {
		got, err := x.notes.next(patience)
		x.must(err)
		switch got.Name {
		case "up":
			up++
		case "ready":
			ready = true
		}
	}
}

func (b *Bench) family(want int, flags ...string) {
	x := b.box(setup{init: family(), flags: flags})
	x.gathered()
	begin := time.Now()
	x.kill(int(unix.SIGTERM))
	b.row("PID 1 after TERM", exited(fromHandler), x.fate(patience), ms(time.Since(begin)))
	cleaned, err := x.notes.rest("cleaned")
	b.must(err)
	b.row(fmt.Sprintf("children of %d that have run their handlers", kids), want, cleaned)
}

func zap(b *Bench) { b.family(0) }

func zapInit(b *Bench) { b.family(kids, "--init") }

// stopLadder: the rungs of minirun stop. The grace is longer than the
// experiment could take if it were waited for in vain.
func stopLadder(b *Bench) {
	const grace = 20 * time.Second
	x := b.box(setup{init: sleeper()})
	x.note("ready")
	c := x.verb("stop", "--fast", "--time="+grace.String())
	b.row("stop --fast of a PID 1 without a handler: exit code", 0, c.code, c.first())
	b.row("PID 1", killedBy(int(unix.SIGKILL)), x.fate(patience))
	b.row("stop has waited for the grace", false, c.took >= grace, ms(c.took))
	for _, s := range []struct {
		name  string
		flags []string
		want  int
	}{{"without --init", nil, 0}, {"with --init", []string{"--init"}, kids}} {
		x := b.box(setup{init: family(), flags: s.flags})
		x.gathered()
		c := x.verb("stop", "--time="+grace.String())
		b.row(s.name+": stop of a PID 1 with a handler: exit code", 0, c.code, c.first())
		b.row(s.name+": PID 1", exited(fromHandler), x.fate(patience), ms(c.took))
		cleaned, err := x.notes.rest("cleaned")
		b.must(err)
		b.row(fmt.Sprintf("%s: children of %d that have run their handlers", s.name, kids), s.want, cleaned)
	}
}

// zapZombie: the lab is the parent that does not wait.
func zapZombie(b *Bench) {
	x := b.box(setup{init: sleeper(), others: []*program{leaver(0)}})
	x.note("ready")
	pid := x.detach(0)
	x.zombie(pid)
	b.row("the executed process is a zombie, and its parent is the lab", true, parentOf(pid) == ourPid())
	begin := time.Now()
	x.kill(int(unix.SIGKILL))
	b.row("PID 1 has ended after KILL", false, x.ended(settle))
	const held = "zap_pid_ns_processes"
	x.until(func() bool { return proc(x.pid, "wchan") == held })
	b.row("what PID 1 waits in (wchan)", held, proc(x.pid, "wchan"))
	b.row("state says stopped", false, x.status() == stopped, x.status())
	call, _ := x.exec(0)
	b.row("exec is refused", true, call.code != 0, call.first())
	took := time.Since(begin)
	x.reapAlso()
	reaped := time.Now()
	b.row("PID 1 once the zombie is reaped", killedBy(int(unix.SIGKILL)), x.fate(patience),
		fmt.Sprintf("%s held up, then %s", ms(took), ms(time.Since(reaped))))
}

// zapFrozen: a PID 1 whose first thread has ended and whose second lives, with
// a child that is frozen. Threads come and go in the runtimes of languages, and
// the state letter of the first tells nothing of the others.
func zapFrozen(b *Bench) {
	if !haveFreezer() {
		b.skip("no version 1 freezer; that of version 2 lets SIGKILL through")
	}
	x := b.box(setup{init: assemble(func(c *code) {
		c.mask(unix.SIG_BLOCK, unix.SIGUSR1)
		c.fork(0, func() { c.mark("up", n(0)); c.pause() })
		tid := c.result("gettid")
		c.thread(tid, "thread")
		c.call("exit", n(0))
		c.here("thread")
		c.pause()
	})})
	x.note("up")
	x.zombie(x.pid)
	b.row("the first thread of PID 1", "Z", stateOf(x.pid))
	b.row("PID 1 has ended", false, x.ended(settle))
	b.row("state says stopped", false, x.status() == stopped, x.status())
	thaw := x.freeze(x.other())
	begin := time.Now()
	x.hostKill(unix.SIGKILL)
	b.row("PID 1 has ended after KILL", false, x.ended(settle))
	b.row("state says stopped", false, x.status() == stopped, x.status())
	held := time.Since(begin)
	b.must(thaw())
	thawed := time.Now()
	b.row("PID 1 once its child is thawed", killedBy(int(unix.SIGKILL)), x.fate(patience),
		fmt.Sprintf("%s held up, then %s", ms(held), ms(time.Since(thawed))))
}
