package runtime

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// noTime is a deadline that has passed: pollUntil only looks.
var noTime time.Time

// poll waits for one of fds.
func poll(fds []unix.PollFd) error {
	_, err := pollFor(fds, func() int { return -1 })
	return err
}

// pollUntil waits for one of fds, or returns false at the deadline.
func pollUntil(fds []unix.PollFd, deadline time.Time) (bool, error) {
	n, err := pollFor(fds, func() int { return millisecondsUntil(deadline) })
	return n > 0, err
}

// pollFor asks again after Go's preemption signal, because poll(2) never restarts.
func pollFor(fds []unix.PollFd, milliseconds func() int) (int, error) {
	for {
		n, err := unix.Poll(fds, milliseconds())
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		default:
			return 0, fmt.Errorf("poll: %w", err)
		}
	}
}

// millisecondsUntil rounds up, so that a deadline is over when poll says so.
func millisecondsUntil(t time.Time) int {
	if t == noTime {
		return 0
	}
	left := max(time.Until(t), 0)
	return int((left + time.Millisecond - 1) / time.Millisecond)
}

// readable is the question whether fd can be read; a pidfd can when the
// process has ended (pidfd_open(2)).
func readable(fd int) []unix.PollFd {
	return []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
}
