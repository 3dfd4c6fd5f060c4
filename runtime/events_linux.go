package runtime

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// Stats reads the counters of a container's cgroup. The error for a stopped
// container is ErrNotRunning.
func (rt *Runtime) Stats(id string) ([]byte, error) {
	p, err := rt.openAlive(id)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return stats(p.r)
}

func stats(r *Record) ([]byte, error) {
	if len(r.Cgroups) == 0 {
		return nil, errNoCgroup
	}
	s, err := cgroups.Restore(r.Cgroups).Stats()
	if err != nil {
		return nil, err
	}
	return StatsJSON(r.ID, s), nil
}

// Events calls emit with the counters at every interval, and when the OOM
// killer strikes, until the container's init has ended. It also ends, without
// an error, when nobody reads out any more: out is a descriptor that emit
// writes to. The error for a stopped container is ErrNotRunning.
func (rt *Runtime) Events(id string, interval time.Duration, out int, emit func([]byte) error) error {
	p, err := rt.openAlive(id)
	if err != nil {
		return err
	}
	defer p.close()
	watch, err := cgroups.Restore(p.r.Cgroups).WatchOOM()
	if err != nil {
		return err
	}
	oom := -1 // poll(2) passes over it
	if watch != nil {
		defer watch.Close()
		oom = watch.Fd()
	}
	fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}, {Fd: int32(oom), Events: unix.POLLIN}, {Fd: int32(out)}}
	for next := time.Now().Add(interval); ; {
		ready, err := pollUntil(fds, next)
		switch {
		case err != nil:
			return fmt.Errorf("wait for events: %w", err)
		case fds[2].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
			return nil
		case fds[1].Revents != 0:
			err = tellOOM(id, watch, emit)
		case !ready:
			next = next.Add(interval)
			err = tellStats(p.r, emit)
		}
		if err != nil || fds[0].Revents != 0 {
			return err
		}
	}
}

func tellOOM(id string, watch *cgroups.OOMWatch, emit func([]byte) error) error {
	struck, err := watch.Struck()
	if err != nil || !struck {
		return err
	}
	return emit(OOMJSON(id))
}

// tellStats is silent of a cgroup that has just gone: the end of the init follows.
func tellStats(r *Record, emit func([]byte) error) error {
	text, err := stats(r)
	if err != nil {
		return ignore(err, unix.ENOENT, unix.ENODEV)
	}
	return emit(text)
}
