package session

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Background is the observer's end of a verb that has started it.
type Background struct{ fd int }

// NewBackground takes the channel over. Whatever else was open in the verb,
// and would be held open for the life of a container, is closed; it is the
// first thing that the process does.
func NewBackground() (*Background, error) {
	if err := unix.CloseRange(ChannelFD+1, ^uint(0), 0); err != nil {
		return nil, fmt.Errorf("close_range: %w", err)
	}
	unix.CloseOnExec(ChannelFD)
	if _, err := unix.GetsockoptInt(ChannelFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return nil, fmt.Errorf("--channel: descriptor %d: %w", ChannelFD, err)
	}
	return &Background{ChannelFD}, nil
}

// Fail tells the verb why nothing comes of it.
func (b *Background) Fail(err error) {
	unix.Send(b.fd, append([]byte{saysFailed}, err.Error()...), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

// ErrNothing says that the verb has ended before it had a container.
var ErrNothing = errors.New("no container came of it")

// Target waits for the verb to say which container it is. Events that come
// before are the session's.
func (b *Background) Target(s *Session) (Target, error) {
	for {
		packet, err := receive(b.fd, 0)
		switch {
		case err != nil:
			return Target{}, fmt.Errorf("read channel: %w", err)
		case len(packet) == 0:
			return Target{}, ErrNothing
		case packet[0] == saysWatch:
			return parseTarget(packet)
		}
		s.said(packet)
	}
}

// Ready tells the verb that nothing will be missed from now on. What it says
// then is the session's to hear.
func (b *Background) Ready(s *Session) error {
	text := append([]byte{saysReady}, strings.Join(s.skipped, "\n")...)
	if err := unix.Send(b.fd, text, unix.MSG_NOSIGNAL); err != nil && err != unix.EPIPE {
		return fmt.Errorf("write channel: %w", err)
	}
	fd, err := unix.FcntlInt(uintptr(b.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("dup channel: %w", err)
	}
	s.channel = fd
	return nil
}
