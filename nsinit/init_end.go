package nsinit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// others lets those finish that the program has left. They are told to stop,
// once; PID 1's own end would have the kernel kill them in the middle of what
// they do (zap_pid_ns_processes). Signals go to all from here on.
func (b *initBuilder) others() {
	all, told := sym(^uint64(0), "-1"), &Cell{Name: "told"}
	b.hears()
	b.here("gather")
	b.gather()
	if b.init.Grace != 0 {
		b.do("the others know", If{Cell: told, Cmp: Ne, Value: num(0), To: "rest"})
		b.do("the others know", Set{Cell: told, A: num(1)})
	}
	for _, sig := range []unix.Signal{unix.Signal(b.init.Stop), unix.SIGCONT} { // a stopped process has to continue to hear it
		b.do("the others have to stop", Call{Name: "kill", Args: []Arg{all, signal(sig)}, On: noReceiver("")})
	}
	if b.init.Grace != 0 {
		b.rest(all)
	}
}

// outlive is the end of a subreaper: it waits until what the program has left
// has ended, and reaps it, or leaves it to PID 1 when it is told to end.
func (b *initBuilder) outlive() {
	ends := sigset(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM)
	b.hears()
	b.here("gather")
	b.gather()
	b.here("rest")
	b.do("wait for them", Call{Name: "rt_sigtimedwait", Result: b.sig, On: divert("rest", unix.EINTR),
		Args: []Arg{b.shared(words("[HUP INT QUIT TERM CHLD]", ends|sigset(unix.SIGCHLD))), Ptr{Data: b.info}, null, num(8)}})
	b.do("one has ended", If{Cell: b.sig, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "gather"})
}

// hears undoes that the kernel reaps.
func (b *initBuilder) hears() {
	if b.watches {
		b.call("the init has to hear from here on when the last one ends", "rt_sigaction", signal(unix.SIGCHLD),
			b.shared(words("{sa_handler=SIG_DFL}", 0, 0, 0, 0)), null, num(8))
	}
}

// gather reaps who has ended, from the label of that name on.
func (b *initBuilder) gather() {
	b.do("reap, and leave when nobody is left", Call{Name: "wait4", Result: b.dead, On: divert("leave", unix.ECHILD),
		Args: []Arg{num(-1), null, sym(unix.WNOHANG, "WNOHANG"), null}})
	b.do("one has ended", If{Cell: b.dead, Cmp: Ne, Value: num(0), To: "gather"})
}

// rest waits for the others, as long as the grace lasts.
func (b *initBuilder) rest(all Arg) {
	timed := b.init.Grace > 0
	if timed {
		sec, usec := b.init.Grace/time.Second, b.init.Grace%time.Second/time.Microsecond
		b.call(fmt.Sprintf("within %v", b.init.Grace), "setitimer", sym(unix.ITIMER_REAL, "ITIMER_REAL"),
			Ptr{Data: words(fmt.Sprintf("{it_value={tv_sec=%d, tv_usec=%d}}", sec, usec), 0, 0, uint64(sec), uint64(usec))}, null)
	}
	b.here("rest")
	b.do("wait for them", Call{Name: "rt_sigtimedwait", Result: b.sig, On: divert("rest", unix.EINTR),
		Args: []Arg{b.allSignals(), Ptr{Data: b.info}, null, num(8)}})
	b.do("one has ended", If{Cell: b.sig, Cmp: Eq, Value: signal(unix.SIGCHLD), To: "gather"})
	if timed {
		b.do("a signal to pass on", If{Cell: b.sig, Cmp: Ne, Value: signal(unix.SIGALRM), To: "relay"})
		b.do("the grace is over", If{Cell: b.code(), Cmp: Eq, Value: sym(siKernel, "SI_KERNEL"), To: "leave"})
		b.here("relay")
	}
	b.send("pass it on to all that are left", Call{Name: "kill", Args: []Arg{all, Val{b.sig}}}, "rest")
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
