package session

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/proc"
	"minirun/runtime/signals"
)

// socketDir is where the observers of a container listen, below its directory.
const socketDir = "observe"

// hiddenPrefix begins the names of sockets there that nobody connects to yet.
const hiddenPrefix = "."

// A Teller tells observers what its process does. The zero Teller has none,
// and a nil one too.
type Teller struct {
	fds  []int
	self observe.Task
}

// Dial connects to the observers of the container in a directory. Those that
// cannot be reached do not hear.
func Dial(dir string) *Teller {
	dirfd, err := unix.Open(dir+"/"+socketDir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil { // ENOENT: nobody observes
		return nil
	}
	defer unix.Close(dirfd)
	t := newTeller()
	entries, _ := os.ReadDir(dir + "/" + socketDir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), hiddenPrefix) {
			continue
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			break
		}
		err = unix.Connect(fd, address(dirfd, e.Name()))
		if err == unix.ECONNREFUSED { // it was killed
			unix.Unlinkat(dirfd, e.Name(), 0)
		}
		if err != nil {
			unix.Close(fd)
			continue
		}
		t.fds = append(t.fds, fd)
	}
	return t
}

// address names a socket through its directory: sun_path has 108 bytes.
func address(dirfd int, name string) *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dirfd) + "/" + name}
}

func newTeller() *Teller {
	pid := int32(os.Getpid())
	return &Teller{self: observe.Task{Pid: pid, Tgid: pid, Own: observe.Unknown, Comm: observe.Comm("minirun")}}
}

// Heard reports whether anybody listens.
func (t *Teller) Heard() bool { return t != nil && len(t.fds) > 0 }

// Say tells what was, or is about to be, done.
func (t *Teller) Say(text string) {
	t.tell(&observe.Event{Kind: observe.Mark, Text: text})
}

// Rung begins a section of the timeline.
func (t *Teller) Rung(text string) {
	t.tell(&observe.Event{Kind: observe.Rung, Text: text})
}

// Signal announces a signal to a process, 0 for more than one; how says by
// which verb and by which system call.
func (t *Teller) Signal(sig, pid int, how string) {
	e := observe.Event{Kind: observe.Mark, Signal: uint8(sig), Text: how}
	if pid != 0 {
		e.Target = observe.Task{Pid: int32(pid), Tgid: int32(pid), Inside: observe.Unknown, Own: observe.Unknown, Depth: observe.Unknown}
	}
	t.tell(&e)
}

// Predict tells what will come of a signal, for observers that cannot see it.
func (t *Teller) Predict(pid int, to signals.Task, q signals.Question) {
	e := observe.Prediction(to, q)
	e.Target = observe.Task{Pid: int32(pid), Tgid: int32(pid), Inside: observe.Unknown, Own: observe.Unknown, Depth: observe.Unknown, Comm: nameOf(int32(pid))}
	t.tell(&e)
}

// Tell passes events on as they are, such as those of a census.
func (t *Teller) Tell(list []observe.Event) {
	for i := range list {
		t.send(&list[i])
	}
}

func (t *Teller) tell(e *observe.Event) {
	if !t.Heard() {
		return
	}
	e.Time, e.Task = proc.Now(), t.self
	if e.Evidence == observe.Observed {
		e.Evidence = observe.Done
	}
	t.send(e)
}

// send does not wait: an observer that is stopped must not stop a verb.
func (t *Teller) send(e *observe.Event) {
	if !t.Heard() {
		return
	}
	if len(e.Text) > observe.WireTextMax {
		e.Text = e.Text[:observe.WireTextMax]
	}
	packet := eventPacket(e)
	for _, fd := range t.fds {
		unix.Send(fd, packet, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}
}

// Close lets the observers end.
func (t *Teller) Close() error {
	if t == nil {
		return nil
	}
	var err error
	for _, fd := range t.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	t.fds = nil
	return err
}
