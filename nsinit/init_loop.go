package nsinit

import (
	"fmt"
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

// noReceiver are the errors of kill(2) that are no errors here: the process
// has ended, or has become another user's.
func noReceiver(to string) []On { return divert(to, unix.ESRCH, unix.EPERM) }

// await is where the init sleeps. The signal mask stays as it is, so whatever
// comes while a signal is dealt with is there at the next turn; SIGCHLD of
// many children may be one, which is why reap takes them all.
func (b *initBuilder) await() {
	b.sig, b.full = &Cell{Name: "sig"}, &Cell{Name: "full"}
	b.here("wait")
	if b.init.Forward == ForwardChild {
		b.do("a signal is held back", If{Cell: b.full, Cmp: Ne, Value: num(0), To: "queue"})
	}
	b.do("wait for a signal", Call{Name: "rt_sigtimedwait", Result: b.sig, On: divert("wait", unix.EINTR),
		Args: []Arg{b.allSignals(), Ptr{Data: b.info}, null, num(8)}})
	b.do("a child has ended, stopped or continued", If{Cell: b.sig, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "reap"})
	if b.timed() {
		b.do("a signal to pass on", If{Cell: b.sig, Cmp: Ne, Value: signal(unix.SIGALRM), To: "forward"})
		b.do("the grace is over", If{Cell: b.code(), Cmp: Eq, Value: sym(siKernel, "SI_KERNEL"), To: "leave"})
		b.here("forward")
	}
}

// timed tells whether the init ever sets its timer.
func (b *initBuilder) timed() bool { return b.init.Wait == WaitAll && b.init.Grace > 0 }

// code is the si_code of the signal at hand.
func (b *initBuilder) code() *Cell { return &Cell{Name: "si_code", Data: b.info, Off: 8} }

func signal(sig unix.Signal) Arg { return sym(uint64(sig), signalText(int(sig))) }

// forward passes the signal on and goes back to wait.
func (b *initBuilder) forward() {
	switch b.init.Forward {
	case ForwardAll:
		b.kill("pass it on to every process", sym(^uint64(0), "-1"))
	case ForwardGroup:
		b.kill("pass it on to the program's group", Val{b.group})
	default:
		b.forwardJob()
		b.forwardOne()
	}
}

func (b *initBuilder) kill(why string, to Arg) {
	b.do(why, Call{Name: "kill", Args: []Arg{to, Val{b.sig}}, OK: "wait", On: noReceiver("wait")})
}

// forwardJob gives the signals of job control, CONT to TTOU, to the program's
// whole group, as a terminal would: half a pipeline that is stopped helps nobody.
func (b *initBuilder) forwardJob() {
	b.do("job control?", If{Cell: b.sig, Cmp: Lt, Value: signal(unix.SIGCONT), To: "one"})
	b.do("job control?", If{Cell: b.sig, Cmp: Ge, Value: num(int(unix.SIGTTOU) + 1), To: "one"})
	b.kill("stop or continue the program's group", Val{b.group})
	b.here("one")
}

// forwardOne queues the signal to the program with the sender's pid and value,
// which kill(2) would replace by the init's own. The kernel lets nobody claim
// SI_USER for another (rt_sigqueueinfo(2)), so a kill arrives as SI_QUEUE.
// A kind of information that is not a sender's (SIGIO's) is not passed on, and
// where a seccomp filter refuses the call, kill has to do.
func (b *initBuilder) forwardOne() {
	b.do("the program is gone", If{Cell: b.pid, Cmp: Lt, Value: num(0), To: "kill"})
	for _, c := range []Const{{V: siUser, Text: "SI_USER"}, {V: siKernel, Text: "SI_KERNEL"}, num(siTkill).(Const)} {
		b.do("who sent it, and how?", If{Cell: b.code(), Cmp: Eq, Value: c, To: "sender"})
	}
	b.do("who sent it, and how?", If{Cell: b.code(), Cmp: Lt, Value: num(0), To: "queue"})
	b.here("kill")
	b.kill("pass it on", Val{b.pid})
	b.here("sender")
	b.do("keep the sender", Set{Cell: b.code(), A: sym(^uint64(0), "SI_QUEUE")})
	b.here("queue")
	b.do("nothing is held back", Set{Cell: b.full, A: num(0)})
	b.do("pass it on with its sender and value", Call{Name: "rt_sigqueueinfo", OK: "wait",
		Args: []Arg{Val{b.pid}, Val{b.sig}, Ptr{Data: b.info}},
		On:   []On{{unix.ESRCH, "wait"}, {unix.EAGAIN, "full"}, {unix.EPERM, "kill"}, {unix.ENOSYS, "kill"}}})
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
		Args: []Arg{b.shared(words("[standard signals]", ^faultSignals&(1<<31-1))), null,
			Ptr{Data: words("{tv_sec=0, tv_nsec=1000000}", 0, uint64(time.Millisecond))}, num(8)}})
	b.do("a child has ended, stopped or continued", If{Cell: other, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "reap"})
	b.do("pass it on", Call{Name: "kill", Args: []Arg{Val{b.pid}, Val{other}}, OK: "queue", On: noReceiver("queue")})
}

// reap takes every child that has ended.
func (b *initBuilder) reap() {
	dead := &Cell{Name: "dead"}
	status := &Cell{Name: "status", Data: space(4, "&status")}
	b.here("reap")
	b.do("reap", Call{Name: "wait4", Result: dead, On: divert("none", unix.ECHILD),
		Args: []Arg{num(-1), Ptr{Data: status.Data}, sym(unix.WNOHANG, "WNOHANG"), null}})
	b.do("the others live", If{Cell: dead, Cmp: Eq, Value: num(0), To: "living"})
	b.do("an orphan", If{Cell: dead, Cmp: Ne, Value: Val{b.pid}, To: "reap"})
	b.do("the program has ended", Set{Cell: b.status, A: Val{status}})
	if b.init.Wait == WaitMain {
		b.do("and with it the container", Goto{To: "leave"})
		b.here("none")
		b.here("living")
		b.do("wait on", Goto{To: "wait"})
		return
	}
	b.do("the program has ended", Set{Cell: b.gone, A: num(1)})
	b.do("signals go to all from here on", Set{Cell: b.pid, A: num(-1)})
	b.do("signals go to all from here on", Set{Cell: b.group, A: num(-1)})
	b.do("nothing is held back", Set{Cell: b.full, A: num(0)})
	b.do("and the others?", Goto{To: "reap"})
	b.here("none")
	b.do("nobody is left", If{Cell: b.gone, Cmp: Ne, Value: num(0), To: "leave"})
	b.here("living")
	b.drain()
}

// drain tells the others to stop, once, when the program is gone. PID 1's own
// end would have the kernel kill them, in the middle of what they do
// (zap_pid_ns_processes). A stopped process has to continue to hear it.
func (b *initBuilder) drain() {
	b.do("the program has not ended, or the others know", If{Cell: b.gone, Cmp: Ne, Value: num(1), To: "wait"})
	b.do("the others know", Set{Cell: b.gone, A: num(2)})
	all := sym(^uint64(0), "-1")
	for _, sig := range []unix.Signal{unix.Signal(b.init.Stop), unix.SIGCONT} {
		b.do("the others have to stop", Call{Name: "kill", Args: []Arg{all, signal(sig)}, On: noReceiver("")})
	}
	if b.timed() {
		sec, usec := b.init.Grace/time.Second, b.init.Grace%time.Second/time.Microsecond
		b.call(fmt.Sprintf("within %v", b.init.Grace), "setitimer", sym(unix.ITIMER_REAL, "ITIMER_REAL"),
			Ptr{Data: words(fmt.Sprintf("{it_value={tv_sec=%d, tv_usec=%d}}", sec, usec), 0, 0, uint64(sec), uint64(usec))}, null)
	}
	if b.init.Grace == 0 {
		b.do("at once", Goto{To: "leave"})
		return
	}
	b.do("wait for them", Goto{To: "wait"})
}

// leave ends the container with the program's code.
func (b *initBuilder) leave() {
	code := &Cell{Name: "code"}
	b.here("leave")
	b.do("was it a signal?", Set{Cell: code, A: Val{b.status}, Fn: And, B: sym(0x7f, "0x7f")})
	b.do("a signal", If{Cell: code, Cmp: Ne, Value: num(0), To: "killed"})
	b.do("WEXITSTATUS", Set{Cell: code, A: Val{b.status}, Fn: Shr, B: num(8)})
	b.do("WEXITSTATUS", Set{Cell: code, A: Val{code}, Fn: And, B: sym(0xff, "0xff")})
	b.do("its code", Goto{To: "map"})
	b.here("killed")
	b.do("128+n", Set{Cell: code, A: Val{code}, Fn: Add, B: num(128)})
	b.here("map")
	for _, m := range b.init.Exit {
		why, next := fmt.Sprintf("--init-exit-map %d:%d", m.From, m.To), b.fresh("next")
		b.do(why, If{Cell: code, Cmp: Ne, Value: num(m.From), To: next})
		b.do(why, Set{Cell: code, A: num(m.To)})
		b.do(why, Goto{To: "exit"})
		b.here(next)
	}
	b.here("exit")
	b.call("the container's code", "exit_group", Val{code})
}
