package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// A record without cgroups is one of a create that had not got so far: the
// functions below then have nothing to do.

// members are the processes in the container's cgroup. A cgroup that is gone has none.
func members(r *Record) ([]int, error) {
	if len(r.Cgroups) == 0 {
		return nil, nil
	}
	pids, err := cgroups.Restore(r.Cgroups).Procs()
	return pids, ignore(err, unix.ENOENT, unix.ENODEV)
}

// killGroup ends every process in the cgroup, frozen or not, at once.
func killGroup(r *Record) error {
	if len(r.Cgroups) == 0 {
		return nil
	}
	return ignore(cgroups.Restore(r.Cgroups).Kill(), unix.ENOENT, unix.ENODEV)
}

// thaw resumes a paused container, so that its processes can act on a SIGKILL.
func thaw(r *Record) error {
	f, err := isFrozen(r)
	if err != nil || !f {
		return err
	}
	return ignore(cgroups.Restore(r.Cgroups).Thaw(), unix.ENOENT, unix.ENODEV)
}

// signalOthers signals the members of the cgroup, the init excepted, until a
// look finds none that has not had the signal: a process that has one pending
// does not fork before it has dealt with it (kernel/fork.c, copy_process).
func signalOthers(r *Record, sig unix.Signal) error {
	had := map[int]bool{r.Pid: true}
	for {
		pids, err := members(r)
		if err != nil {
			return err
		}
		fresh := pids[:0:0]
		for _, pid := range pids {
			if !had[pid] {
				had[pid] = true
				fresh = append(fresh, pid)
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		if err := signalMembers(r, fresh, sig); err != nil {
			return err
		}
	}
}

// signalMembers opens the pidfds of pids, looks once more who is a member,
// and signals only those: a pid that was reused in between is not.
func signalMembers(r *Record, pids []int, sig unix.Signal) error {
	pidfds := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range pidfds {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		switch err {
		case nil:
			pidfds[pid] = fd
		case unix.ESRCH, unix.EINVAL, unix.ENOENT: // ended meanwhile
		default:
			return fmt.Errorf("pidfd_open process %d: %w", pid, err)
		}
	}
	still, err := members(r)
	if err != nil {
		return err
	}
	for _, pid := range still {
		fd, ok := pidfds[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("send %s to process %d: %w", SignalName(sig), pid, err)
		}
	}
	return nil
}
