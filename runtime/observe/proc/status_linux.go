package proc

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// endStatus is the wait status of a process that has ended, also for who is
// not its parent: once it is reaped its pidfd tells (PIDFD_GET_INFO with
// PIDFD_INFO_EXIT, Linux 6.15, fs/pidfs.c), and until then field 52 of
// /proc/PID/stat does, to who may trace it.
func endStatus(pidfd int, pid int32) (status uint32, ok bool) {
	for range 2 { // it may be reaped between the two
		info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		if unix.IoctlPidfdInfo(pidfd, &info) == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0 {
			return uint32(info.Exit_code), true
		}
		text, err := os.ReadFile(path(pid) + "/stat")
		if err != nil {
			continue
		}
		if status, ok := parseEnd(text); ok && mayLook(pid) {
			return status, true
		}
	}
	return 0, false
}

// mayLook reports whether we may look at a process (PTRACE_MODE_READ): whoever
// may not reads a status of 0 (do_task_stat of fs/proc/array.c).
func mayLook(pid int32) bool {
	var st unix.Stat_t
	return unix.Stat(path(pid)+"/ns/pid", &st) == nil
}

// parseEnd reads the status of a zombie in its stat (proc_pid_stat(5)).
func parseEnd(text []byte) (uint32, bool) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 50 || fields[0][0] != 'Z' && fields[0][0] != 'X' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(fields[52-3]), 10, 32)
	return uint32(n), err == nil
}

// Ending is what a pidfd tells of the end of its process.
type Ending struct {
	Ended, Reaped bool
	Status        uint32
	Known         bool // Status is
}

// EndOf reads what poll(2) has said of a pidfd: readable is the end, and
// hung up that somebody has waited for it (Linux 6.9 and later).
func EndOf(pidfd int, pid int32, revents int16) (e Ending) {
	e.Ended, e.Reaped = revents&unix.POLLIN != 0, revents&unix.POLLHUP != 0
	if e.Ended || e.Reaped {
		e.Status, e.Known = endStatus(pidfd, pid)
	}
	return e
}
