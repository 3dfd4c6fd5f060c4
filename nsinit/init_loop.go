package nsinit

import "golang.org/x/sys/unix"

// reaping is the init that takes its dead children itself. It sleeps in
// rt_sigtimedwait; SIGCHLD is a signal like any other.
func (b *initBuilder) reaping() {
	group := &Cell{Name: "group"}
	b.here("parent")
	b.do("the program's group, to kill(2)", Set{Cell: group, A: num(0), Fn: Sub, B: Val{b.pid}})
	b.settle()
	b.child = byPid{b, group}
	b.await()
	b.forward()
	b.reap()
}

// await is where the init sleeps. The signal mask stays as it is, so whatever
// comes while a signal is dealt with is there at the next turn; SIGCHLD of
// many children may be one, which is why reap takes them all.
func (b *initBuilder) await() {
	b.here("wait")
	b.heldBack()
	b.do("wait for a signal", Call{Name: "rt_sigtimedwait", Result: b.sig, On: divert("wait", unix.EINTR),
		Args: []Arg{b.allSignals(), Ptr{Data: b.info}, null, num(8)}})
	b.do("a child has ended, stopped or continued", If{Cell: b.sig, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "reap"})
}

// reap takes every child that has ended.
func (b *initBuilder) reap() {
	b.here("reap")
	b.do("reap", Call{Name: "wait4", Result: b.dead, On: divert("wait", unix.ECHILD),
		Args: []Arg{num(-1), Ptr{Data: b.status.Data}, sym(unix.WNOHANG, "WNOHANG"), null}})
	b.do("the others live", If{Cell: b.dead, Cmp: Eq, Value: num(0), To: "wait"})
	b.do("an orphan", If{Cell: b.dead, Cmp: Ne, Value: Val{b.pid}, To: "reap"})
}

// byPid sends to the program by its number, which stays its own until the
// init has reaped it.
type byPid struct {
	*initBuilder
	group *Cell // -pid: its process group, to kill(2)
}

func (p byPid) kill(sig *Cell) Call { return Call{Name: "kill", Args: []Arg{Val{p.pid}, Val{sig}}} }

func (p byPid) killGroup() Call { return Call{Name: "kill", Args: []Arg{Val{p.group}, Val{p.sig}}} }

func (p byPid) queue() Call {
	return Call{Name: "rt_sigqueueinfo", Args: []Arg{Val{p.pid}, Val{p.sig}, Ptr{Data: p.info}}}
}
