package nsinit

import (
	"time"

	"golang.org/x/sys/unix"
)

// The values of si_code that the init tells apart (include/uapi/asm-generic/siginfo.h).
const (
	siUser   = 0    // kill(2)
	siQueue  = -1   // sigqueue(3)
	siTkill  = -6   // tgkill(2)
	siKernel = 0x80 // the kernel itself: a hang-up, a timer
)

// receiver is how a signal gets to the program: by its pid or by its pidfd.
type receiver interface {
	kill(sig *Cell) Call // as kill(2) does
	killGroup() Call     // the signal at hand, to its process group
	queue() Call         // the signal at hand, with its siginfo_t
}

// noReceiver are the errors of kill(2) that are no errors here: the process
// has ended, or has become another user's.
func noReceiver(to string) []On { return divert(to, unix.ESRCH, unix.EPERM) }

// code is the si_code of the signal at hand.
func (b *initBuilder) code() *Cell { return &Cell{Name: "si_code", Data: b.info, Off: 8} }

func signal(sig unix.Signal) Arg { return sym(uint64(sig), signalText(int(sig))) }

// heldBack tries the signal again for which there was no room; see hold.
func (b *initBuilder) heldBack() {
	if b.init.Forward == ForwardChild {
		b.do("a signal is held back", If{Cell: b.full, Cmp: Ne, Value: num(0), To: "queue"})
	}
}

// forward passes the signal on and goes back to wait.
func (b *initBuilder) forward() {
	switch b.init.Forward {
	case ForwardAll:
		b.send("pass it on to every process", Call{Name: "kill", Args: []Arg{sym(^uint64(0), "-1"), Val{b.sig}}}, "wait")
	case ForwardGroup:
		b.send("pass it on to the program's group", b.child.killGroup(), "wait")
	default:
		b.forwardJob()
		b.forwardOne()
	}
}

// send makes a call that sends a signal, and goes to a label.
func (b *initBuilder) send(why string, c Call, next string) {
	c.OK, c.On = next, noReceiver(next)
	b.do(why, c)
}

// forwardJob gives the signals of job control, CONT to TTOU, to the program's
// whole group, as a terminal would: half a pipeline that is stopped helps nobody.
func (b *initBuilder) forwardJob() {
	b.do("job control?", If{Cell: b.sig, Cmp: Lt, Value: signal(unix.SIGCONT), To: "one"})
	b.do("job control?", If{Cell: b.sig, Cmp: Ge, Value: num(int(unix.SIGTTOU) + 1), To: "one"})
	b.send("stop or continue the program's group", b.child.killGroup(), "wait")
	b.here("one")
}

// forwardOne queues the signal to the program with the sender's pid and value,
// which kill(2) would replace by the init's own. The kernel lets nobody claim
// SI_USER for another (rt_sigqueueinfo(2)), so a kill arrives as SI_QUEUE.
// A kind of information that is not a sender's (SIGIO's) is not passed on, and
// where a seccomp filter refuses the call, kill has to do.
func (b *initBuilder) forwardOne() {
	for _, c := range []Const{{V: siUser, Text: "SI_USER"}, {V: siKernel, Text: "SI_KERNEL"}, num(siTkill).(Const)} {
		b.do("who sent it, and how?", If{Cell: b.code(), Cmp: Eq, Value: c, To: "sender"})
	}
	b.do("who sent it, and how?", If{Cell: b.code(), Cmp: Lt, Value: num(0), To: "queue"})
	b.here("kill")
	b.send("pass it on", b.child.kill(b.sig), "wait")
	b.here("sender")
	b.do("keep the sender", Set{Cell: b.code(), A: sym(^uint64(0), "SI_QUEUE")})
	b.here("queue")
	b.do("nothing is held back", Set{Cell: b.full, A: num(0)})
	queue := b.child.queue()
	queue.OK = "wait"
	queue.On = []On{{unix.ESRCH, "wait"}, {unix.EAGAIN, "full"}, {unix.EPERM, "kill"}, {unix.ENOSYS, "kill"}}
	b.do("pass it on with its sender and value", queue)
	b.hold()
}

// hold keeps a real-time signal for which the program's queue has no room
// (RLIMIT_SIGPENDING), as long as there is none: in the init's own queue the
// next ones wait, and their senders learn of it. Nothing says when there is
// room, so only here does the init look again every millisecond. Standard
// signals, which need no room, are passed on meanwhile, and children reaped.
func (b *initBuilder) hold() {
	other := &Cell{Name: "other"}
	b.here("full")
	b.do("the program's queue is full", Set{Cell: b.full, A: num(1)})
	b.do("let it take some", Call{Name: "rt_sigtimedwait", Result: other, On: divert("queue", unix.EAGAIN, unix.EINTR),
		Args: []Arg{b.standard(), null, Ptr{Data: words("{tv_sec=0, tv_nsec=1000000}", 0, uint64(time.Millisecond))}, num(8)}})
	if !b.watches { // else the next try to send says it
		b.do("a child has ended, stopped or continued", If{Cell: other, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "reap"})
	}
	b.send("pass it on", b.child.kill(other), "queue")
}

// standard is the set of the signals that need no room.
func (b *initBuilder) standard() Arg {
	set := ^faultSignals & (1<<31 - 1)
	if b.watches {
		set &^= sigset(unix.SIGCHLD)
	}
	return b.shared(words("[standard signals]", set))
}
