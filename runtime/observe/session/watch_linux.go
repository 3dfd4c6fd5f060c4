package session

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/proc"
)

// Until is when an observation is over by itself.
type Until struct {
	Verb bool      // with the verb that has started it; else with the container
	Time time.Time // or at this moment, if it is not zero
}

// Watch listens until the end, or until Interrupt.
func (s *Session) Watch(u Until) error {
	for {
		fds := s.pollSet()
		n, err := unix.Poll(fds, s.patience(u))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0 || fds[0].Revents != 0:
			return nil
		}
		s.lookAtInit(fds[1].Revents)
		if fds[2].Revents != 0 {
			s.accept()
		}
		s.hearAll(fds[3:])
		if s.over(u) {
			return nil
		}
	}
}

// lateReap is how long after its end the init's reaping is waited for: that
// is its parent's, which may be a shell at its prompt.
const lateReap = 100 * time.Millisecond

// patience is the timeout of poll(2).
func (s *Session) patience(u Until) int {
	ms := -1
	if !u.Time.IsZero() {
		ms = int(max(time.Until(u.Time), 0)/time.Millisecond) + 1
	}
	if s.ended && len(s.talkers) == 0 && s.channel < 0 {
		ms = int(lateReap / time.Millisecond)
	}
	return ms
}

// over reports whether nothing more is to be heard.
func (s *Session) over(u Until) bool {
	if u.Verb {
		return s.channel < 0
	}
	return s.reaped && len(s.talkers) == 0 && s.channel < 0
}

// pollSet is the bell, the init, the listening socket, and those connected.
func (s *Session) pollSet() []unix.PollFd {
	init := unix.PollFd{Fd: int32(s.target.Pidfd), Events: unix.POLLIN}
	if s.ended {
		init.Events = 0 // POLLHUP comes unasked
	}
	if s.reaped {
		init.Fd = -1
	}
	fds := []unix.PollFd{{Fd: int32(s.bell), Events: unix.POLLIN}, init, {Fd: int32(s.listen), Events: unix.POLLIN}}
	for _, fd := range s.callers() {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return fds
}

// callers are those connected.
func (s *Session) callers() []int {
	if s.channel >= 0 {
		return append([]int{s.channel}, s.talkers...)
	}
	return s.talkers
}

func (s *Session) accept() {
	for {
		fd, _, err := unix.Accept4(s.listen, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil { // EAGAIN: that was all
			return
		}
		s.talkers = append(s.talkers, fd)
	}
}

// lookAtInit notes the end of the init and its reaping, with the status, which
// tracepoints do not have.
func (s *Session) lookAtInit(revents int16) {
	if revents == 0 {
		return
	}
	end := proc.EndOf(s.target.Pidfd, int32(s.target.Pid), revents)
	e := observe.Event{Time: proc.Now(), Origin: observe.Proc, Status: end.Status, Task: s.init()}
	if end.Known {
		e.Has |= observe.HasStatus
	}
	if end.Ended && !s.ended {
		s.ended, e.Kind = true, observe.Ended
		s.heard = append(s.heard, e)
	}
	if end.Reaped && !s.reaped {
		s.reaped, e.Kind = true, observe.Reap
		s.heard = append(s.heard, e)
	}
}

// settleInit looks at the init for the last time.
func (s *Session) settleInit() {
	if s.target.Pidfd <= 0 || s.reaped {
		return
	}
	fds := s.pollSet()[1:2]
	if n, err := unix.Poll(fds, 0); err == nil && n > 0 {
		s.lookAtInit(fds[0].Revents)
	}
}

func (s *Session) init() observe.Task {
	pid := int32(s.target.Pid)
	return observe.Task{Pid: pid, Tgid: pid, Inside: 1, Own: 1}
}

// hearAll takes what those connected have said; who has hung up is let go.
func (s *Session) hearAll(fds []unix.PollFd) {
	for _, fd := range fds {
		if fd.Revents != 0 && !s.hear(int(fd.Fd)) {
			s.hangUp(int(fd.Fd))
		}
	}
}

// hear takes all that one has said until now. It is false at the end.
func (s *Session) hear(fd int) bool {
	buf := make([]byte, packetMost)
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return true
		case err != nil || n == 0:
			return false
		}
		s.take(buf[:n])
	}
}

// take keeps an event. What is predicted is for the source that cannot see it.
func (s *Session) take(packet []byte) {
	if packet[0] != saysEvent {
		return
	}
	e, err := parseEvent(packet)
	if err != nil || e.Evidence == observe.Predicted && s.source.Origin() != observe.Proc {
		return
	}
	s.heard = append(s.heard, e)
	if n, ok := s.source.(interface{ Nudge() }); ok {
		n.Nudge()
	}
}

func (s *Session) hangUp(fd int) {
	unix.Close(fd)
	if fd == s.channel {
		s.channel = -1
		return
	}
	for i, talker := range s.talkers {
		if talker == fd {
			s.talkers = append(s.talkers[:i], s.talkers[i+1:]...)
			return
		}
	}
}
