package cgroups

import (
	"fmt"
	"strconv"
	"strings"
)

// failed says what could not be done to which path; err stays reachable.
func failed(verb, path string, err error) error {
	return fmt.Errorf("cgroup: %s %s: %w", verb, path, err)
}

// refused says why a property of config.json cannot be honoured.
func refused(field, why string, args ...any) error {
	return fmt.Errorf("cgroup: linux.resources.%s: "+why, append([]any{field}, args...)...)
}

// then returns err, with what went wrong on the way back from it in the same line.
func then(err, back error) error {
	if back == nil {
		return err
	}
	return fmt.Errorf("%w; and then: %w", err, back)
}

// processes names a few of the given pids: "process 7", "processes 7, 8 and 12 more".
func processes(pids []int) string {
	const most = 5
	if len(pids) == 1 {
		return "process " + strconv.Itoa(pids[0])
	}
	var b strings.Builder
	b.WriteString("processes ")
	for i, pid := range pids[:min(len(pids), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(pid))
	}
	if more := len(pids) - most; more > 0 {
		b.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	return b.String()
}
