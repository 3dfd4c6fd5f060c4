package rig

import (
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sweep removes what a failed test left: cgroups are thawed, processes killed
// by pidfd, mounts detached, cgroups removed.
func (r *Rig) sweep() {
	thaw()
	for _, pid := range OurProcesses() {
		r.kill(pid)
	}
	for _, line := range mounts() {
		if !r.before[line] {
			path := strings.Fields(strings.SplitN(line, " on ", 2)[1])[0]
			unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
	}
	Eventually(func() bool { ReapOrphans(); return len(OurProcesses()) == 0 })
	RemoveCgroups()
}

// kill ends a process that is still one of ours once its pidfd is held.
func (r *Rig) kill(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if ours(pid) {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// thaw lets frozen processes of the run die.
func thaw() {
	for _, dir := range CgroupsNamed(Marker) {
		os.WriteFile(dir+"/freezer.state", []byte("THAWED"), 0)
		os.WriteFile(dir+"/cgroup.freeze", []byte("0"), 0)
	}
}

// RemoveCgroups removes the cgroups of this run, leaves first.
func RemoveCgroups() {
	dirs := CgroupsNamed(Marker)
	slices.Reverse(dirs)
	for _, dir := range dirs {
		unix.Rmdir(dir)
	}
}

// ReapOrphans waits for the dead children that no call of the rig waits for:
// inits of containers, orphaned to this process as to an engine's shim.
func ReapOrphans() {
	waited.Lock()
	defer waited.Unlock()
	for _, pid := range OurProcesses() {
		if s := Stat(pid); s.State == 'Z' && s.PPid == os.Getpid() && !waited.pids[pid] {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// Reap waits for a child that was orphaned to this process and tells its exit
// code, 128+n for a signal; -1 when it is no child or does not end.
func Reap(pid int) int {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	defer unix.Close(fd)
	if !Readable(fd, Deadline/2) {
		return -1
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, unix.WNOHANG, nil); err != nil {
		return -1
	}
	return code(ws)
}

// Readable waits for a descriptor: a pidfd is readable when the process ended.
func Readable(fd int, d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		left := max(time.Until(end), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int((left+time.Millisecond-1)/time.Millisecond))
		if err != unix.EINTR {
			return n == 1 && err == nil
		}
	}
}
