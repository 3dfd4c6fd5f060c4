package nsinit

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// child is the pid of the init's main child in the tests.
const child = 2

// A turn is what happens while the init sleeps: a signal comes, children die.
type turn struct {
	sig   unix.Signal
	code  int32
	from  uint32 // si_pid
	dies  []death
	errno unix.Errno // in place of a signal
}

type death struct {
	pid    int64
	status unix.WaitStatus
}

// exits and killed are wait statuses.
func exits(code int) unix.WaitStatus         { return unix.WaitStatus(code << 8) }
func killed(sig unix.Signal) unix.WaitStatus { return unix.WaitStatus(sig) }
func died(sig unix.Signal, of ...death) turn { return turn{sig: sig, dies: of} }
func chld(of ...death) turn                  { return died(unix.SIGCHLD, of...) }
func main(status unix.WaitStatus) death      { return death{child, status} }
func user(sig unix.Signal, from uint32) turn { return turn{sig: sig, from: from} }
func kernel(sig unix.Signal) turn            { return turn{sig: sig, code: siKernel} }
func sent(sig unix.Signal, code int32) turn  { return turn{sig: sig, code: code, from: 77} }

// world is the kernel around an emulated init: it gives the turns, has the
// children, and notes what the init does to others.
type world struct {
	turns    []turn
	children int // alive, the program included
	zombies  []death
	fails    map[string][]unix.Errno // of each further call by that name
	limit    uint64                  // RLIMIT_SIGPENDING
	notes    []string

	ignoring bool             // SIGCHLD is ignored: the kernel reaps
	status   *unix.WaitStatus // of the program, reaped by the kernel
}

func (w *world) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *world) call(_ int, name string, args []uint64, mem Memory) int64 {
	if name == "pidfd_send_signal" {
		return w.send(args, mem)
	}
	if list := w.fails[name]; len(list) > 0 {
		w.fails[name] = list[1:]
		if list[0] != 0 {
			w.note("%s: %v", name, unix.ErrnoName(list[0]))
			return -int64(list[0])
		}
	}
	switch name {
	case "getpid":
		return 1
	case "clone":
		return child
	case "rt_sigtimedwait":
		return w.sleep(args, mem)
	case "prlimit64":
		if args[3] != 0 {
			binary.LittleEndian.PutUint64(mem.Bytes(args[3], 16), w.limit)
		} else {
			w.note("limit %d", binary.LittleEndian.Uint64(mem.Bytes(args[2], 16)))
		}
	case "wait4":
		return w.wait(args, mem)
	case "pidfd_open":
		return programFd
	case "signalfd4":
		return signalFd
	case "rt_sigaction":
		w.ignoring = binary.LittleEndian.Uint64(mem.Bytes(args[1], 8)) == 1
	case "ppoll":
		return w.poll(args, mem)
	case "ioctl":
		return w.info(args, mem)
	case "kill":
		w.note("kill %d %d", int64(args[0]), args[1])
	case "rt_sigqueueinfo":
		info := mem.Bytes(args[2], 128)
		w.note("queue %d %d code %d from %d", int64(args[0]), args[1],
			int32(binary.LittleEndian.Uint32(info[8:])), binary.LittleEndian.Uint32(info[16:]))
	case "setitimer":
		v := mem.Bytes(args[1], 32)
		w.note("timer %d.%06d", binary.LittleEndian.Uint64(v[16:]), binary.LittleEndian.Uint64(v[24:]))
	}
	return 0
}

const programFd, signalFd = 5, 6

// send is pidfd_send_signal, noted as the call that the other init would make.
func (w *world) send(args []uint64, mem Memory) int64 {
	to := map[uint64]int64{0: child, unix.PIDFD_SIGNAL_PROCESS_GROUP: -child}[args[3]]
	switch {
	case args[0] != programFd:
		return -int64(unix.EBADF)
	case w.status != nil && args[3] == 0:
		return -int64(unix.ESRCH)
	case args[2] != 0:
		return w.call(0, "rt_sigqueueinfo", []uint64{uint64(to), args[1], args[2]}, mem)
	}
	return w.call(0, "kill", []uint64{uint64(to), args[1]}, mem)
}

// poll goes on to the next turn that the init is woken for.
func (w *world) poll(args []uint64, mem Memory) int64 {
	fds := mem.Bytes(args[0], 16)
	fds[6], fds[14] = 0, 0 // revents
	if args[1] != 2 || binary.LittleEndian.Uint64(fds) != programFd || binary.LittleEndian.Uint64(fds[8:]) != signalFd|unix.POLLIN<<32 {
		w.note("polls %x", fds)
	}
	for len(w.turns) > 0 && w.status == nil {
		t := w.turns[0]
		if t.errno != 0 {
			w.turns = w.turns[1:]
			return -int64(t.errno)
		}
		w.die(t.dies)
		if t.sig != unix.SIGCHLD {
			w.turns[0].dies, fds[14] = nil, unix.POLLIN
			return 1
		}
		w.turns = w.turns[1:]
	}
	if w.status != nil {
		fds[6] = unix.POLLHUP
		return 1
	}
	return -int64(unix.ENOSYS) // the test forgot an end
}

// die is what becomes of children: zombies, unless the kernel reaps them.
func (w *world) die(dies []death) {
	w.children -= len(dies)
	for _, d := range dies {
		switch {
		case !w.ignoring:
			w.zombies = append(w.zombies, d)
		case d.pid == child && w.status == nil:
			w.status = &d.status
		}
	}
}

// info is PIDFD_GET_INFO.
func (w *world) info(args []uint64, mem Memory) int64 {
	info := mem.Bytes(args[2], 64)
	if args[0] != programFd || args[1] != 0xc040ff0b || info[0] != unix.PIDFD_INFO_EXIT || w.status == nil {
		return -int64(unix.ESRCH)
	}
	binary.LittleEndian.PutUint32(info[60:], uint32(*w.status))
	return 0
}

// sleep takes the next turn whose signal is waited for.
func (w *world) sleep(args []uint64, mem Memory) int64 {
	if len(w.turns) == 0 {
		return -int64(unix.ENOSYS) // the test forgot an end
	}
	t := w.turns[0]
	set := binary.LittleEndian.Uint64(mem.Bytes(args[0], 8))
	if w.ignoring && t.sig == unix.SIGCHLD { // nobody is woken for it
		w.die(t.dies)
		w.turns = w.turns[1:]
		return -int64(unix.EAGAIN)
	}
	if t.errno == 0 && set&sigset(t.sig) == 0 {
		return -int64(unix.EAGAIN)
	}
	w.turns = w.turns[1:]
	w.die(t.dies)
	if t.errno != 0 {
		return -int64(t.errno)
	}
	if args[1] != 0 {
		info := mem.Bytes(args[1], 128)
		binary.LittleEndian.PutUint32(info[8:], uint32(t.code))
		binary.LittleEndian.PutUint32(info[16:], t.from)
	}
	return int64(t.sig)
}

func (w *world) wait(args []uint64, mem Memory) int64 {
	if int32(args[0]) != -1 || args[2] != unix.WNOHANG {
		w.note("wait4 blocks")
	}
	switch {
	case len(w.zombies) > 0:
		d := w.zombies[0]
		w.zombies = w.zombies[1:]
		if args[1] != 0 {
			binary.LittleEndian.PutUint32(mem.Bytes(args[1], 4), uint32(d.status))
		}
		w.note("reap %d", d.pid)
		return d.pid
	case w.children > 0:
		return 0
	}
	return -int64(unix.ECHILD)
}
