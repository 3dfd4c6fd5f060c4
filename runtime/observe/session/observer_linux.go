package session

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ChannelFD is the descriptor by which a started observer talks to its verb.
const ChannelFD = 3

// patience is how long a verb waits for its observer to attach, or to write
// what it has: no verb may hang for the sake of being observed.
const patience = 30 // seconds

// An Observer is an observer that a verb has started. What the verb says
// through its Teller goes to it.
type Observer struct {
	*Teller
	fd      int
	process *os.Process
	refused bool // Ready has told why
}

// Start starts an observer, which loads its source while the verb goes on.
// args is its command line, with the executable first. It has a session of its
// own, so that an interrupt from the terminal leaves it time to write, no
// working directory to hold busy, and no standard stream of the verb's.
func Start(args []string) (*Observer, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket pair for the observer: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "observer")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, unix.Close(pair[0]))
	}
	defer null.Close()
	if err := unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}); err != nil {
		return nil, errors.Join(fmt.Errorf("socket pair for the observer: %w", err), unix.Close(pair[0]))
	}
	o := &Observer{Teller: newTeller(), fd: pair[0]}
	o.fds = []int{o.fd}
	o.process, err = os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{null, null, null, theirs}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the observer: %w", err), o.Teller.Close())
	}
	return o, nil
}

// Watch tells the observer which container it is.
func (o *Observer) Watch(t Target) error {
	if o == nil {
		return nil
	}
	if err := unix.Send(o.fd, t.packet(), unix.MSG_NOSIGNAL); err != nil {
		if _, failed := o.Ready(); failed != nil {
			return failed
		}
		return fmt.Errorf("tell the observer: %w", err)
	}
	return nil
}

// Ready waits until the observer is attached and returns why it has no better
// source, a line each.
func (o *Observer) Ready() (skipped []string, err error) {
	if o == nil {
		return nil, nil
	}
	packet, err := receive(o.fd, 0)
	switch {
	case err == unix.EAGAIN:
		return nil, fmt.Errorf("observe: the observer has not attached after %d s", patience)
	case err != nil:
		return nil, fmt.Errorf("observe: %w", err)
	case len(packet) == 0:
		return nil, errors.New("observe: the observer has ended at once")
	case packet[0] == saysFailed:
		o.refused = true
		return nil, errors.New(string(packet[1:]))
	}
	if text := string(packet[1:]); text != "" {
		skipped = strings.Split(text, "\n")
	}
	return skipped, nil
}

// Finish says that the verb has done its part, and waits until the timeline is written.
func (o *Observer) Finish() error {
	if o == nil {
		return nil
	}
	unix.Shutdown(o.fd, unix.SHUT_WR)
	var failed error
	for {
		packet, err := receive(o.fd, 0)
		if err == unix.EAGAIN {
			return errors.Join(fmt.Errorf("observe: the observer has not written its file after %d s, and goes on by itself", patience), o.Leave())
		}
		if err != nil || len(packet) == 0 {
			break
		}
		if packet[0] == saysFailed {
			failed = errors.New(string(packet[1:]))
		}
	}
	state, err := o.process.Wait()
	if err == nil && failed == nil && !o.refused && !state.Success() {
		failed = fmt.Errorf("observe: the observer has ended: %v", state)
	}
	return errors.Join(failed, err, o.Teller.Close())
}

// Leave lets the observer go on by itself.
func (o *Observer) Leave() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.Teller.Close(), o.process.Release())
}
