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
	for {
		_, err := unix.Poll(fds, -1)
		if err == nil {
			return nil
		}
		if err != unix.EINTR { // Go's preemption signal; poll(2) never restarts
			return fmt.Errorf("poll: %w", err)
		}
	}
}

// pollUntil waits for one of fds, or returns false at the deadline.
func pollUntil(fds []unix.PollFd, deadline time.Time) (bool, error) {
	for {
		n, err := unix.Poll(fds, millisecondsUntil(deadline))
		switch {
		case err == unix.EINTR: // Go's preemption signal; poll(2) never restarts
		case err != nil:
			return false, fmt.Errorf("poll: %w", err)
		default:
			return n > 0, nil
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
