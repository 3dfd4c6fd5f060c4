package cgroups

import (
	"fmt"
	"strconv"
	"strings"
)

// NoLimit is the value of a limit that is not set.
const NoLimit = -1

// PidsStat is the pids controller's account of a group. It counts tasks, so
// that threads and zombies which nobody has waited for are in it.
type PidsStat struct {
	Current int64  // tasks in the group and below
	Max     int64  // pids.max; NoLimit if none
	Peak    int64  // the most there have been; NoLimit where the kernel (before 6.1) does not say
	Refused uint64 // forks that failed with EAGAIN because of a limit here
}

// String tells where the group stands: "pids.max 20 reached (20 of 20, 3 forks refused)".
func (s PidsStat) String() string {
	switch {
	case s.Max == NoLimit:
		return "no pids.max (" + counted(s.Current, "task") + ")"
	case s.Current < s.Max:
		return fmt.Sprintf("pids.max %d (%d of %d, %s)", s.Max, s.Current, s.Max, forks(s.Refused))
	}
	return fmt.Sprintf("pids.max %d reached (%d of %d, %s)", s.Max, s.Current, s.Max, forks(s.Refused))
}

func forks(n uint64) string {
	if n == 0 {
		return "no fork refused"
	}
	return counted(int64(n), "fork") + " refused"
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.FormatInt(n, 10) + " " + what
}

// MemoryEvents is the memory controller's account of killings in a group.
type MemoryEvents struct {
	OOM     uint64 // times the limit was hit and nothing could be reclaimed; version 2 only
	OOMKill uint64 // processes killed by the OOM killer
}

// parseLimit reads a limit such as pids.max, in which "max" is none.
func parseLimit(s string) (int64, error) {
	if s = strings.TrimSpace(s); s == "max" {
		return NoLimit, nil
	}
	return strconv.ParseInt(s, 10, 64)
}

// valueOf returns the number that follows key in a flat-keyed file such as
// cgroup.events; 0 if there is none.
func valueOf(flat, key string) uint64 {
	for line := range strings.Lines(flat) {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

// parsePids reads cgroup.procs.
func parsePids(b []byte) []int {
	var pids []int
	n, digits := 0, false
	for _, c := range b {
		if '0' <= c && c <= '9' {
			n, digits = 10*n+int(c-'0'), true
			continue
		}
		if digits {
			pids = append(pids, n)
		}
		n, digits = 0, false
	}
	if digits {
		pids = append(pids, n)
	}
	return pids
}
