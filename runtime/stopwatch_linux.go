package runtime

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// mostWatched bounds the descriptors that a stop holds; those of a larger
// container are followed as the first ones end.
const mostWatched = 256

// A watch waits for a container to change: for the end of each of its
// processes, by pidfd, and for the events of its cgroup, which tell of those
// that it does not follow.
type watch struct {
	init    *initProc
	members []*member
	events  int // cgroup.events of the unified tree, plus 1; 0: not opened yet; or noEvents
}

const noEvents = -1

// A member is a process of the container, followed to its end.
type member struct {
	Process
	inside int
	start  uint64 // as procStat has it
	pidfd  int
	ended  time.Time // zero: it lives
	told   bool
}

// follow opens what is not followed yet. A pid may have been given to another
// process since the list was read; so it is read again, and who is in both was
// a member when it was opened.
func (w *watch) follow(pids []int) error {
	fresh := w.open(pids)
	if len(fresh) == 0 {
		return nil
	}
	still, err := members(w.init.r)
	for _, m := range fresh {
		if err == nil && slices.Contains(still, m.Pid) {
			w.members = append(w.members, m)
		} else {
			unix.Close(m.pidfd)
		}
	}
	return err
}

func (w *watch) open(pids []int) (fresh []*member) {
	for _, pid := range pids {
		if pid == 0 || w.follows(pid) || len(w.members)+len(fresh) >= mostWatched {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil { // it has ended, or our limit of descriptors is reached
			continue
		}
		m := &member{Process: Process{Pid: pid}, pidfd: fd}
		m.read(w.init.r)
		fresh = append(fresh, m)
	}
	return fresh
}

func (w *watch) follows(pid int) bool {
	return slices.ContainsFunc(w.members, func(m *member) bool { return m.Pid == pid && m.ended.IsZero() })
}

// read asks /proc who the process is. What it cannot tell stays empty.
func (m *member) read(r *Record) {
	if s, err := readStatus(procPath(m.Pid)); err == nil {
		m.Name, m.inside = s.Name, insidePid(r, s)
	}
	if stat, err := statOf(procPath(m.Pid)); err == nil {
		m.start = stat.Start
	}
}

// arm comes before a look at the cgroup: cgroup.events then tells of what
// changes after it (kernfs_generic_poll), as inotify would. A cgroup that has
// been removed tells of nothing, and for ever.
func (w *watch) arm() error {
	dir, ok := w.init.r.Cgroups[""]
	if !ok || w.events == noEvents {
		return nil
	}
	if w.events == 0 {
		fd, err := openAt(unix.AT_FDCWD, dir+"/cgroup.events", unix.O_RDONLY, 0)
		if err != nil {
			w.events = noEvents
			return ignore(err, unix.ENOENT, unix.ENODEV)
		}
		w.events = fd + 1
	}
	var text [128]byte
	if _, err := unix.Pread(w.events-1, text[:], 0); err != nil && err != unix.EINTR {
		unix.Close(w.events - 1)
		w.events = noEvents
	}
	return nil
}

// wait returns when something has changed, or with true when the time is over.
func (w *watch) wait(until time.Time, endless bool) (timeout bool, err error) {
	for {
		ms := -1
		if !endless {
			ms = millisecondsUntil(until)
		}
		n, err := w.poll(ms)
		if !errors.Is(err, unix.EINTR) { // Go's preemption signal; poll(2) never restarts
			return n == 0, err
		}
	}
}

// note notices who has ended, without waiting.
func (w *watch) note() error {
	_, err := w.poll(0)
	return ignore(err, unix.EINTR)
}

func (w *watch) poll(ms int) (int, error) {
	fds, of := w.pollSet()
	n, err := unix.Poll(fds, ms)
	if err != nil {
		return 0, fmt.Errorf("poll: %w", err)
	}
	for i, fd := range fds {
		if fd.Revents != 0 && of[i] != nil {
			of[i].ended = time.Now()
		}
	}
	return n, nil
}

// pollSet has nothing that is ready already: an init that has ended, and a
// member that was seen to, stay readable for ever.
func (w *watch) pollSet() (fds []unix.PollFd, of []*member) {
	add := func(fd int, events int16, m *member) {
		fds, of = append(fds, unix.PollFd{Fd: int32(fd), Events: events}), append(of, m)
	}
	if w.init.seen.alive() {
		add(w.init.pidfd, unix.POLLIN, nil)
	}
	for _, m := range w.members {
		if m.ended.IsZero() {
			add(m.pidfd, unix.POLLIN, m)
		}
	}
	if w.events > 0 {
		add(w.events-1, unix.POLLPRI, nil)
	}
	return fds, of
}

// deaths are the members that have ended and were not asked for before, the
// init last: it is, whatever the order in which they were noticed.
func (w *watch) deaths() (list []*member) {
	for _, m := range w.members {
		if !m.ended.IsZero() && !m.told {
			m.told = true
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b *member) int {
		return boolInt(a.Pid == w.init.r.Pid) - boolInt(b.Pid == w.init.r.Pid)
	})
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *watch) close() {
	for _, m := range w.members {
		unix.Close(m.pidfd)
	}
	if w.events > 0 {
		unix.Close(w.events - 1)
	}
}
