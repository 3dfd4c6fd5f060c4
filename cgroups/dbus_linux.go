package cgroups

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A bus is a connection to systemd: to its own socket, or through a message
// bus. It is for one caller that does one thing after another.
type bus struct {
	fd       int
	deadline time.Time // for everything
	serial   uint32
	buf      []byte        // received and not yet taken
	signals  []*busMessage // that came while a reply was waited for
	direct   bool          // nobody stands between us and systemd
}

// dialBus connects and authenticates.
func dialBus(a busAddress, deadline time.Time) (*bus, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	b := &bus{fd: fd, deadline: deadline, direct: a.direct}
	if err := b.connect(a.socket); err != nil {
		b.close()
		return nil, fmt.Errorf("connect to %s: %w", a.socket, err)
	}
	if err := b.greet(); err != nil {
		b.close()
		return nil, fmt.Errorf("greet %s: %w", a.socket, err)
	}
	return b, nil
}

func (b *bus) close() { unix.Close(b.fd) }

// connect waits, until the deadline, for room in the queue of a socket that
// is much in demand; without SO_SNDTIMEO it would wait for ever.
func (b *bus) connect(socket string) error {
	left := unix.NsecToTimeval(max(time.Until(b.deadline), time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(b.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &left); err != nil {
		return err
	}
	for {
		if err := unix.Connect(b.fd, &unix.SockaddrUnix{Name: socket}); err != unix.EINTR {
			return err
		}
	}
}

// greet authenticates by what the kernel says of this end of the socket: no
// user is named, so that it works in a user namespace, too. Nothing waits for
// an answer that can be foreseen.
func (b *bus) greet() error {
	if err := b.write([]byte("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")); err != nil {
		return err
	}
	for {
		line, err := b.line()
		if err != nil {
			return err
		}
		switch word, _, _ := bytes.Cut(line, []byte(" ")); string(word) {
		case "DATA":
		case "OK":
			return b.hello()
		default:
			return fmt.Errorf("authentication: %q: %w", line, unix.EACCES)
		}
	}
}

// hello makes us known to a message bus, and asks it for the ends of jobs.
// systemd's own socket tells of them unasked.
func (b *bus) hello() error {
	if b.direct {
		return nil
	}
	const rule = "type='signal',path='" + managerPath + "',interface='" + managerInterface + "',member='JobRemoved'"
	for _, m := range []busMessage{{member: "Hello"}, {member: "AddMatch", body: []any{rule}}} {
		m.destination, m.path, m.iface = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
		if _, err := b.call(m); err != nil {
			return err
		}
	}
	return nil
}

// call calls a method and returns the values of its reply. What the method
// refuses is a *busError.
func (b *bus) call(m busMessage) ([]any, error) {
	b.serial++
	m.kind, m.serial = methodCall, b.serial
	if err := b.write(m.encode()); err != nil {
		return nil, err
	}
	for {
		got, err := b.receive()
		switch {
		case err != nil:
			return nil, err
		case got.kind == signalMessage:
			b.signals = append(b.signals, got)
		case got.reply == m.serial:
			return got.body, got.failure()
		}
	}
}

// awaitSignal returns the next signal that wanted accepts.
func (b *bus) awaitSignal(wanted func(*busMessage) bool) (*busMessage, error) {
	for {
		for len(b.signals) > 0 {
			m := b.signals[0]
			if b.signals = b.signals[1:]; wanted(m) {
				return m, nil
			}
		}
		m, err := b.receive()
		if err != nil {
			return nil, err
		}
		if m.kind == signalMessage {
			b.signals = append(b.signals, m)
		}
	}
}

// receive returns the next message.
func (b *bus) receive() (*busMessage, error) {
	for len(b.buf) < prologue {
		if err := b.read(); err != nil {
			return nil, err
		}
	}
	size, err := messageSize(b.buf)
	if err != nil {
		return nil, err
	}
	for len(b.buf) < size {
		if err := b.read(); err != nil {
			return nil, err
		}
	}
	raw := b.buf[:size:size]
	b.buf = b.buf[size:]
	return decodeMessage(raw)
}

// line returns the next line of the greeting, which is never long.
func (b *bus) line() ([]byte, error) {
	for {
		if line, rest, ok := bytes.Cut(b.buf, []byte("\r\n")); ok {
			b.buf = rest
			return line, nil
		}
		if len(b.buf) > 4<<10 {
			return nil, errors.New("a line without an end")
		}
		if err := b.read(); err != nil {
			return nil, err
		}
	}
}

// read waits for more, until the deadline.
func (b *bus) read() error {
	if err := poll(b.fd, unix.POLLIN, b.deadline); err != nil {
		return err
	}
	chunk := make([]byte, 4<<10)
	n, _, err := unix.Recvfrom(b.fd, chunk, unix.MSG_DONTWAIT)
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return nil
	case err != nil:
		return err
	case n == 0:
		return unix.ECONNRESET
	}
	b.buf = append(b.buf, chunk[:n]...)
	return nil
}

// write sends all of p; a peer that does not read makes it fail with EAGAIN in
// the end (SO_SNDTIMEO). One that has hung up may have said why: read tells, or
// that it has.
func (b *bus) write(p []byte) error {
	for len(p) > 0 {
		n, err := unix.SendmsgN(b.fd, p, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EPIPE:
			return nil
		case err != nil && err != unix.EINTR:
			return err
		}
		p = p[max(n, 0):]
	}
	return nil
}
