package proc

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// mostFollowed bounds the descriptors that a source holds, and others those
// that are left for everything else (RLIMIT_NOFILE); more processes are followed as the first ones end.
const (
	mostFollowed = 4096
	others       = 64
)

// A Source follows processes by pidfd. It is an observe.Source.
type Source struct {
	namespace Namespace
	bell      int // an eventfd: Stop or Nudge was called
	events    int // cgroup.events of the container's group on version 2, or -1
	group     string
	populated bool
	stopped   atomic.Bool
	over      bool
	followed  map[int32]*followed
	most      int  // of them
	full      bool // it is told that there are more
	out       []observe.Event
	told      int64
}

// A followed process has been seen in the container.
type followed struct {
	task  observe.Task
	pidfd int
	ended bool
}

// Open is a source for whoever can read /proc.
func Open() (observe.Source, error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, &observe.Unavailable{Origin: observe.Proc, Err: fmt.Errorf("eventfd: %w", err)}
	}
	return &Source{bell: bell, events: -1, followed: map[int32]*followed{}, most: room()}, nil
}

// room is how many processes there are descriptors for.
func room() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > mostFollowed+others {
		return mostFollowed
	}
	return max(int(limit.Cur)-others, 1)
}

// Origin is Proc.
func (s *Source) Origin() observe.Origin { return observe.Proc }

// Attach takes in who is there.
func (s *Source) Attach(c observe.Container) error {
	s.namespace = Of(c)
	for _, dir := range c.Cgroups {
		fd, err := unix.Open(dir+"/cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			s.events, s.group, s.populated = fd, dir, true
			break
		}
	}
	s.look()
	return nil
}

// look finds who is there and not followed yet.
func (s *Source) look() {
	if s.events >= 0 {
		s.readGroup()
	}
	left := 0
	for _, pid := range pidsIn("/proc") {
		if s.followed[pid] != nil {
			continue
		}
		switch task, ok := s.namespace.Look(pid); {
		case !ok || task.Inside <= 0:
		case len(s.followed) >= s.most:
			left++
		default:
			s.follow(task)
		}
	}
	if left > 0 && !s.full {
		s.full = true
		s.out = append(s.out, observe.Event{
			Time: Now(), Kind: observe.Mark, Origin: observe.Proc,
			Text: fmt.Sprintf("follows %d processes, as many as it may; %d more are there, of which it tells nothing", len(s.followed), left),
		})
	}
}

// follow opens a pidfd; a process that still looks the same was the one.
func (s *Source) follow(task observe.Task) {
	fd, err := unix.PidfdOpen(int(task.Pid), 0)
	if err != nil { // it has ended, or our limit of descriptors is reached
		return
	}
	if again, ok := s.namespace.Look(task.Pid); !ok || again.Inside != task.Inside || again.Depth != task.Depth {
		unix.Close(fd)
		return
	}
	s.followed[task.Pid] = &followed{task: task, pidfd: fd}
	s.out = append(s.out, s.namespace.found(task))
}

// readGroup is told by cgroup.events, once it has been read, of what changes
// after that (kernfs_generic_poll).
func (s *Source) readGroup() {
	var text [128]byte
	n, err := unix.Pread(s.events, text[:], 0)
	if err != nil { // the group has been removed
		unix.Close(s.events)
		s.events, n = -1, 0
	}
	if now := err == nil && isPopulated(text[:n]); now != s.populated {
		s.populated = now
		e := observe.Event{Time: Now(), Kind: observe.Populated, Origin: observe.Proc, Has: observe.HasResult, Text: s.group}
		if now {
			e.Result = 1
		}
		s.out = append(s.out, e)
	}
}

// Read waits for the end of a process, or for a change of the group.
func (s *Source) Read(dst []observe.Event) (int, error) {
	if len(s.out) == 0 {
		if s.over {
			return 0, io.EOF
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	n := copy(dst, s.out)
	if s.out = s.out[n:]; len(s.out) == 0 {
		s.out, s.told = nil, Now()
	}
	return n, nil
}

// more waits, tells what has happened, and looks who else is there.
func (s *Source) more() error {
	fds, of := s.pollSet()
	wait := -1
	if s.over = s.stopped.Load(); s.over {
		wait = 0
	}
	_, err := unix.Poll(fds, wait)
	if err == unix.EINTR {
		s.over = false
		return nil
	}
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	for _, i := range eldestFirst(fds, of) {
		s.tell(of[i], EndOf(of[i].pidfd, of[i].task.Pid, fds[i].Revents))
	}
	unix.Read(s.bell, make([]byte, 8)) // EAGAIN: it was not rung
	s.missed()
	s.look()
	return nil
}

// eldestFirst are the indices of those who have ended, in the order of their
// pids inside: the end of PID 1 is that of the others too.
func eldestFirst(fds []unix.PollFd, of []*followed) (list []int) {
	for i, f := range of {
		if f != nil && fds[i].Revents != 0 {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(of[a].task.Inside, of[b].task.Inside) })
	return list
}

// missed finds who was reaped on a kernel whose pidfds have no POLLHUP.
func (s *Source) missed() {
	for pid, f := range s.followed {
		if !f.ended {
			continue
		}
		if _, there := s.namespace.Look(pid); !there {
			s.tell(f, Ending{Reaped: true})
		}
	}
}

func (s *Source) pollSet() (fds []unix.PollFd, of []*followed) {
	fds, of = append(fds, unix.PollFd{Fd: int32(s.bell), Events: unix.POLLIN}), append(of, nil)
	if s.events >= 0 {
		fds, of = append(fds, unix.PollFd{Fd: int32(s.events), Events: unix.POLLPRI}), append(of, nil)
	}
	for _, f := range s.followed {
		fd := unix.PollFd{Fd: int32(f.pidfd), Events: unix.POLLIN}
		if f.ended {
			fd.Events = 0 // POLLHUP comes unasked
		}
		fds, of = append(fds, fd), append(of, f)
	}
	return fds, of
}

// tell tells of an end, and of the reaping. A zombie still has the name that it had last.
func (s *Source) tell(f *followed, end Ending) {
	if now, ok := s.namespace.Look(f.task.Pid); ok && !end.Reaped {
		f.task = now
	}
	e := observe.Event{Time: Now(), Origin: observe.Proc, Task: f.task, Status: end.Status}
	if end.Known {
		e.Has |= observe.HasStatus
	}
	if !f.ended {
		f.ended, e.Kind = true, observe.Ended
		s.out = append(s.out, e)
	}
	if end.Reaped {
		e.Kind = observe.Reap
		s.out = append(s.out, e)
		unix.Close(f.pidfd)
		delete(s.followed, f.task.Pid)
	}
}

// Told is now, as of the last Read: what is found has the time at which it was found.
func (s *Source) Told() int64 { return s.told }

// Nudge makes it look who is there: something may have happened that it cannot see.
func (s *Source) Nudge() error { return s.ring() }

// Stop ends the events.
func (s *Source) Stop() error {
	s.stopped.Store(true)
	return s.ring()
}

func (s *Source) ring() error {
	_, err := unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if errors.Is(err, unix.EAGAIN) { // it rings already
		return nil
	}
	return err
}

// Lost is 0: what it does not see it does not count.
func (s *Source) Lost() uint64 { return 0 }

// Close closes what it holds.
func (s *Source) Close() error {
	for pid, f := range s.followed {
		unix.Close(f.pidfd)
		delete(s.followed, pid)
	}
	if s.events >= 0 {
		unix.Close(s.events)
		s.events = -1
	}
	return unix.Close(s.bell)
}
