package runtime

import (
	"fmt"
	"strings"
)

// A blocker is a process that does not end after SIGKILL, by the one of its
// threads that best says why.
type blocker struct {
	Pid   int
	Task  procStat
	Wchan string // the kernel function it waits in; "0" or empty when it does not
}

func (b blocker) String() string {
	s := fmt.Sprintf("%d (%s) %c", b.Pid, b.Task.Comm, b.Task.State)
	switch {
	case b.Task.State == 'Z':
		s += fmt.Sprintf(", not reaped by its parent %d", b.Task.Parent)
	case b.Wchan != "" && b.Wchan != "0":
		s += " in " + b.Wchan
	}
	return s
}

// worse orders threads by how well they explain a process that stays: one in
// uninterruptible sleep is the cause, a zombie among others never is.
func worse(a, b procStat) bool { return weight(a.State) > weight(b.State) }

func weight(state byte) int {
	switch state {
	case 'D':
		return 3
	case 'Z', 'X':
		return 1
	}
	return 2
}

// blockersText names at most five, and leaves out the init, which waits for
// the others, unless there are none.
func blockersText(all []blocker, init int) string {
	list := make([]string, 0, len(all))
	for _, b := range all {
		if b.Pid != init || len(all) == 1 {
			list = append(list, b.String())
		}
	}
	const most = 5
	switch n := len(list); {
	case n == 0:
		return "nobody is left now; try again"
	case n > most:
		return "blocked by " + strings.Join(list[:most], "; ") + fmt.Sprintf("; and %d more", n-most)
	}
	return "blocked by " + strings.Join(list, "; ")
}
