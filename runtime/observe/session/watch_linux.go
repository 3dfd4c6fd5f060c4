package session

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
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

// Watch listens, and writes what is settled, until the end or until Interrupt.
func (s *Session) Watch(u Until) error {
	for {
		fds := s.pollSet()
		wait, end := s.patience(u)
		n, err := unix.Poll(fds, wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0 && end || fds[0].Revents != 0:
			return nil
		}
		s.lookAtInit(fds[1].Revents)
		if fds[2].Revents != 0 {
			s.accept()
		}
		s.hearAll(fds[4:])
		if fds[3].Revents != 0 {
			unix.Read(s.come, make([]byte, 8))
			if err := s.take(); err != nil {
				return err
			}
		}
		if s.over(u) || s.read {
			return nil
		}
	}
}

// receive takes a batch, for which it waits.
func (s *Session) receive() batch {
	b := <-s.batches
	if b.err != nil {
		if s.read = true; b.err != io.EOF {
			s.readErr = b.err
		}
	}
	return b
}

// take takes a batch and writes what is settled by it. Whoever caused an event
// has announced it before: that is heard first.
func (s *Session) take() error {
	b := s.receive()
	b.events = slices.DeleteFunc(b.events, func(e observe.Event) bool { return e.Stray() })
	for i := range b.events {
		ownName(&b.events[i])
	}
	s.line.Add(b.events...)
	s.accept()
	s.hearCallers()
	if err := s.line.Advance(b.told); err != nil {
		s.broken = true
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

// ownName looks how a program that was executed through /proc/self/exe calls
// itself by now: busybox does so for each of its tools, and no eBPF program is
// at the tracepoint that would tell.
func ownName(e *observe.Event) {
	if e.Kind != observe.Exec || e.Task.Name() != "exe" {
		return
	}
	if name := nameOf(e.Task.Pid); name[0] != 0 {
		e.Task.Comm = name
	}
}

// nameOf is how a thread calls itself, or nothing. What /proc/PID/status says is escaped.
func nameOf(tid int32) (none [16]byte) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(int(tid)) + "/comm")
	if err != nil {
		return none
	}
	return observe.Comm(strings.TrimSuffix(string(text), "\n"))
}

// lateReap is how long after its end the init's reaping is waited for: that
// is its parent's, which may be a shell at its prompt.
const lateReap = 100 * time.Millisecond

// patience is the timeout of poll(2), and whether all is over after it. What
// waits for the source to go on is asked for.
func (s *Session) patience(u Until) (ms int, end bool) {
	until := u.Time
	if s.ended && len(s.talkers) == 0 && s.channel < 0 {
		if s.quiet.IsZero() {
			s.quiet = time.Now().Add(lateReap)
		}
		if until.IsZero() || s.quiet.Before(until) {
			until = s.quiet
		}
	} else {
		s.quiet = time.Time{}
	}
	if ms = -1; !until.IsZero() {
		ms, end = int(max(time.Until(until), 0)/time.Millisecond)+1, true
	}
	wanted := s.line.Wants()
	if wanted == 0 {
		return ms, end
	}
	left := wanted - proc.Now()
	if left <= 0 {
		s.source.Nudge() // that wakes us; an error is Read's too
		return ms, end
	}
	if soon := int(left/int64(time.Millisecond)) + 1; ms < 0 || soon < ms {
		return soon, false
	}
	return ms, end
}

// over reports whether nothing more is to be heard.
func (s *Session) over(u Until) bool {
	if u.Verb {
		return s.channel < 0
	}
	return s.reaped && len(s.talkers) == 0 && s.channel < 0
}

// pollSet is the bell, the init, the listening socket, the reader, and those connected.
func (s *Session) pollSet() []unix.PollFd {
	init := unix.PollFd{Fd: int32(s.target.Pidfd), Events: unix.POLLIN}
	if s.ended {
		init.Events = 0 // POLLHUP comes unasked
	}
	if s.reaped {
		init.Fd = -1
	}
	fds := []unix.PollFd{{Fd: int32(s.bell), Events: unix.POLLIN}, init, {Fd: int32(s.listen), Events: unix.POLLIN}, {Fd: int32(s.come), Events: unix.POLLIN}}
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
		s.add(e)
	}
	if end.Reaped && !s.reaped {
		s.reaped, e.Kind = true, observe.Reap
		s.add(e)
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

// hearCallers takes what they have said until now.
func (s *Session) hearCallers() {
	for _, fd := range slices.Clone(s.callers()) {
		if !s.hear(fd) {
			s.hangUp(fd)
		}
	}
}

// hear takes all that one has said until now. It is false at the end.
func (s *Session) hear(fd int) bool {
	for {
		packet, err := receive(fd, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return true
		}
		if err != nil || len(packet) == 0 {
			return false
		}
		s.said(packet)
	}
}

// said keeps an event. What is predicted is for the source that cannot see it.
func (s *Session) said(packet []byte) {
	if packet[0] != saysEvent {
		return
	}
	e, err := parseEvent(packet)
	if err != nil || e.Evidence == observe.Predicted && s.source.Origin() != observe.Proc {
		return
	}
	e.Time = min(e.Time, proc.Now()) // it would be waited for
	s.add(e)
}

// add keeps an event that is not the source's. Before there is a timeline it waits.
func (s *Session) add(e observe.Event) {
	if s.line == nil {
		s.heard = append(s.heard, e)
		return
	}
	s.line.Add(e)
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
