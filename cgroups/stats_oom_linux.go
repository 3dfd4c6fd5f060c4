package cgroups

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// An OOMWatch tells when the OOM killer strikes in a group.
type OOMWatch struct {
	group *Group
	fd    int // eventfd (version 1) or inotify (version 2)
	kills uint64
	v1    bool
}

// WatchOOM starts to watch the group; nil where there is no memory controller.
func (g *Group) WatchOOM() (*OOMWatch, error) {
	w := &OOMWatch{group: g, fd: -1}
	var err error
	switch dir := g.v1("memory"); {
	case dir != "":
		w.v1 = true
		w.fd, err = notifyOOM(dir)
	case g.pure():
		w.fd, err = watchEvents(g.unified())
	}
	if err != nil || w.fd < 0 {
		return nil, err
	}
	events, err := g.MemoryEvents()
	if err != nil {
		w.Close()
		return nil, err
	}
	w.kills = events.OOMKill
	return w, nil
}

// notifyOOM: cgroup-v1/memory.rst, 10. OOM Control.
func notifyOOM(dir string) (int, error) {
	control, err := open(dir+"/memory.oom_control", unix.O_RDONLY)
	if err != nil {
		return -1, failed("watch", dir+"/memory.oom_control", err)
	}
	defer unix.Close(control)
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, failed("watch", dir+"/memory.oom_control", err)
	}
	if err := writeFile(dir, "cgroup.event_control", strconv.Itoa(fd)+" "+strconv.Itoa(control)); err != nil {
		unix.Close(fd)
		return -1, failed("watch", dir+"/memory.oom_control", err)
	}
	return fd, nil
}

// watchEvents: the kernel sends a modify event when a counter changes
// (cgroup-v2.rst, Basic Operations).
func watchEvents(dir string) (int, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		if _, err = unix.InotifyAddWatch(fd, dir+"/memory.events", unix.IN_MODIFY); err != nil {
			unix.Close(fd)
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return -1, nil // no memory controller
	}
	if err != nil {
		return -1, failed("watch", dir+"/memory.events", err)
	}
	return fd, nil
}

// Fd becomes readable when there may be something to tell.
func (w *OOMWatch) Fd() int { return w.fd }

// Struck reports whether there has been news since the last call: on version
// 2 a process was killed, on version 1 the group ran out of memory, which the
// kernel announces before it kills. A group that has gone has none.
func (w *OOMWatch) Struck() (bool, error) {
	var buf [4096]byte
	n, err := unix.Read(w.fd, buf[:])
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		return false, failed("watch", "the group's memory", err)
	}
	events, err := w.group.MemoryEvents()
	if gone(err) { // removing a group signals its eventfds too
		return false, nil
	}
	before := w.kills
	w.kills = events.OOMKill
	return w.kills > before || w.v1 && n > 0, err
}

// Close ends the watch.
func (w *OOMWatch) Close() { unix.Close(w.fd) }
