package nsinit

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// kernelReaps tells whether the reaping can be left to the kernel: it must keep the
// program's exit status (Facts.ExitInfo), a seccomp filter must leave the calls
// alone that this takes, and two descriptors must be left.
func (b *builder) kernelReaps() bool {
	return b.facts.ExitInfo && b.unfiltered("pidfd_open", "pidfd_send_signal", "signalfd4", "ppoll", "ioctl", "rt_sigaction") &&
		!slices.ContainsFunc(b.spec.Process.Rlimits, func(l specs.POSIXRlimit) bool {
			return l.Type == "RLIMIT_NOFILE" && l.Soft < uint64(b.facts.PreserveFDs)+8
		})
}

// The descriptors that the watching init polls. The program's end is POLLHUP,
// which no one asks for and everyone gets: POLLIN would come before the kernel
// has reaped it (pidfd_poll, fs/pidfs.c).
type polled struct {
	fds           *Data
	pidfd, pidEnd *Cell
	signals       *Cell
}

func newPolled() polled {
	fds := halves("[{fd=pidfd}, {fd=signals, events=POLLIN}]", 0, 0, 0, unix.POLLIN)
	return polled{fds: fds, pidfd: &Cell{Name: "pidfd", Data: fds}, pidEnd: &Cell{Name: "revents", Data: fds, Off: 4},
		signals: &Cell{Name: "signals", Data: fds, Off: 8}}
}

// watching is the init that ignores SIGCHLD: what its children leave behind the
// kernel reaps as it arises (do_notify_parent, kernel/signal.c), ten thousand
// zombies at once in the exit of the process that had left them. It sleeps in
// ppoll until there is a signal to pass on, or the program is gone.
func (b *initBuilder) watching() {
	p := newPolled()
	b.here("parent")
	b.ignore(p)
	b.settle()
	b.child = byPidfd{b, p.pidfd}
	b.here("wait")
	b.heldBack()
	b.do("wait for a signal, or the program's end", Call{Name: "ppoll", On: divert("wait", unix.EINTR),
		Args: []Arg{Ptr{Data: p.fds}, num(2), null, null, num(0)}})
	b.do("the program has ended", If{Cell: p.pidEnd, Cmp: Ne, Value: num(0), To: "status"})
	b.do("take the signal", Call{Name: "rt_sigtimedwait", Result: b.sig, On: divert("wait", unix.EAGAIN, unix.EINTR),
		Args: []Arg{b.passedOn(), Ptr{Data: b.info}, b.shared(words("{tv_sec=0, tv_nsec=0}", 0, 0)), num(8)}})
	b.forward()
	b.statusOf(p)
}

// passedOn is allSignals without SIGCHLD.
func (b *initBuilder) passedOn() Arg {
	return b.shared(words("~[ILL TRAP ABRT BUS FPE SEGV SYS CHLD]", ^(faultSignals | sigset(unix.SIGCHLD))))
}

// ignore leaves the reaping to the kernel. SIGCHLD is ignored only now, so that
// the program does not inherit that, and the pidfd comes before it, while the
// program cannot yet vanish. Whoever ended earlier, the program or what hooks
// have left, is a zombie still, and is taken here.
func (b *initBuilder) ignore(p polled) {
	b.do("the program, to be told of its end", Call{Name: "pidfd_open", Result: p.pidfd, Args: []Arg{Val{b.pid}, num(0)}})
	b.do("signals, to be polled", Call{Name: "signalfd4", Result: p.signals,
		Args: []Arg{num(-1), b.passedOn(), num(8), sym(unix.SFD_CLOEXEC, "SFD_CLOEXEC")}})
	b.call("the kernel reaps: it forgets a child that ends when SIGCHLD is ignored", "rt_sigaction", signal(unix.SIGCHLD),
		b.shared(words("{sa_handler=SIG_IGN}", 1, 0, 0, 0)), null, num(8))
	b.here("earlier")
	b.do("reap who has ended before", Call{Name: "wait4", Result: b.dead, On: tolerate(unix.ECHILD),
		Args: []Arg{num(-1), Ptr{Data: b.status.Data}, sym(unix.WNOHANG, "WNOHANG"), null}})
	b.do("the program has ended before", If{Cell: b.dead, Cmp: Eq, Value: Val{b.pid}, To: "early"})
	b.do("an orphan", If{Cell: b.dead, Cmp: Ge, Value: num(1), To: "earlier"})
}

// statusOf asks how the program has ended.
func (b *initBuilder) statusOf(p polled) {
	const size = unix.PIDFD_INFO_SIZE_VER0
	info := &Data{Bytes: words("", unix.PIDFD_INFO_EXIT).Bytes, Size: size, Text: "{mask=PIDFD_INFO_EXIT}"}
	b.here("status")
	b.call("how has it ended?", "ioctl", Val{p.pidfd}, sym(3<<30|size<<16|0xff<<8|11, "PIDFD_GET_INFO"), Ptr{Data: info})
	b.do("as wait4 has it", Set{Cell: b.status, A: Val{&Cell{Name: "exit_code", Data: info, Off: size - 4}}})
	b.here("early")
}

// byPidfd sends to the program by a descriptor: its number may be another's
// as soon as the kernel has reaped it.
type byPidfd struct {
	*initBuilder
	pidfd *Cell
}

func (p byPidfd) signal(sig *Cell, info, flags Arg) Call {
	return Call{Name: "pidfd_send_signal", Args: []Arg{Val{p.pidfd}, Val{sig}, info, flags}}
}

func (p byPidfd) kill(sig *Cell) Call { return p.signal(sig, null, num(0)) }

func (p byPidfd) killGroup() Call {
	return p.signal(p.sig, null, sym(unix.PIDFD_SIGNAL_PROCESS_GROUP, "PIDFD_SIGNAL_PROCESS_GROUP"))
}

func (p byPidfd) queue() Call { return p.signal(p.sig, Ptr{Data: p.info}, num(0)) }
