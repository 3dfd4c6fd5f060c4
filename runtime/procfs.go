package runtime

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errProcText says that a file of /proc is not as proc(5) describes it.
var errProcText = errors.New("unexpected text")

// A procStat is what is used of /proc/PID/stat.
type procStat struct {
	Comm   string
	State  byte // R, S, D, Z, T, … (proc_pid_stat(5))
	Parent int
	Start  uint64 // clock ticks since boot
	CPU    int    // where it ran last
}

// parseStat reads /proc/PID/stat. The name of the program is between the
// first parenthesis and the last, and may itself hold any of both.
func parseStat(text string) (procStat, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return procStat{}, errProcText
	}
	rest := strings.Fields(text[end+1:]) // rest[0] is field 3
	if len(rest) <= 39-3 || len(rest[0]) != 1 {
		return procStat{}, errProcText
	}
	parent, err := strconv.Atoi(rest[4-3])
	if err != nil {
		return procStat{}, errProcText
	}
	start, err := strconv.ParseUint(rest[22-3], 10, 64)
	if err != nil {
		return procStat{}, errProcText
	}
	cpu, err := strconv.ParseUint(rest[39-3], 10, 31)
	if err != nil {
		return procStat{}, errProcText
	}
	return procStat{Comm: text[open+1 : end], State: rest[0][0], Parent: parent, Start: start, CPU: int(cpu)}, nil
}

// lockHolder finds in /proc/locks the pid that has a file locked by flock(2):
//
//	12: FLOCK  ADVISORY  WRITE 4152 00:19:8086 0 EOF
//
// Those who wait stand below it, with an arrow (proc_locks(5)). The kernel
// leaves out holders that our PID namespace does not know.
func lockHolder(locks string, major, minor uint32, inode uint64) int {
	file := hex2(major) + ":" + hex2(minor) + ":" + strconv.FormatUint(inode, 10)
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[5] != file {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// hex2 is printf's %02x.
func hex2(n uint32) string {
	s := strconv.FormatUint(uint64(n), 16)
	if len(s) < 2 {
		s = "0" + s
	}
	return s
}

// deadStatus is the wait status in /proc/PID/stat of the process that began at
// start and has ended (field 52, proc_pid_stat(5)). It is dead, X, while its
// parent reaps it: from then on it is nobody's zombie, and for an instant no
// pidfd tells yet (wait_task_zombie, kernel/exit.c).
func deadStatus(text string, start uint64) (status unix.WaitStatus, ok bool, err error) {
	stat, err := parseStat(text)
	if err != nil || stat.Start != start || stat.State != 'Z' && stat.State != 'X' {
		return 0, false, err
	}
	fields := strings.Fields(text)
	code, err := strconv.ParseUint(fields[len(fields)-1], 10, 32)
	if err != nil {
		return 0, false, errProcText
	}
	return unix.WaitStatus(code), true, nil
}
