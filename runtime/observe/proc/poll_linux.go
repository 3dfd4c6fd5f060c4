package proc

import "golang.org/x/sys/unix"

// Poll is poll(2), which never restarts, begun anew after a signal that was
// caught: the Go runtime preempts by one. timeout is in milliseconds.
func Poll(fds []unix.PollFd, timeout int) error {
	for {
		_, err := unix.Poll(fds, timeout)
		if err != unix.EINTR {
			return err
		}
	}
}
