package nsinit

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// lintInit checks the built-in init, whose mistakes nobody would hear of: from
// its close of the report descriptor on, a call that fails ends the container.
func lintInit(p *Plan) error {
	l := linter{plan: p, first: map[string]int{}, last: map[string]int{}}
	l.index()
	for _, check := range []func() error{l.guards, l.bears, l.ignores, l.sleeps, l.sends, l.reaps, l.leaves, l.descriptors} {
		if err := check(); err != nil {
			return fmt.Errorf("plan: bug: init: %w", err)
		}
	}
	return nil
}

// guards demands that signals wait before there is a program to miss them, and
// that the report descriptor is closed before the init sleeps, or start would
// wait as long as the container lives.
func (l *linter) guards() error {
	first := "getpid" // PID 1, or else a subreaper
	if _, have := l.first["PR_SET_CHILD_SUBREAPER"]; have {
		first = "PR_SET_CHILD_SUBREAPER"
	}
	for _, call := range []string{"rt_sigprocmask", first, "clone", "execve", "close", "rt_sigtimedwait"} {
		if _, have := l.first[call]; !have {
			return fmt.Errorf("no %s", call)
		}
	}
	if at := l.first["rt_sigprocmask"]; at != 0 {
		return fmt.Errorf("step %d, rt_sigprocmask, is not the first", at+1)
	}
	for _, pair := range [][2]string{
		{"PR_SET_PDEATHSIG", "ppoll without sleep"}, {"ppoll without sleep", "clone"}, {first, "clone"}, {"clone", "execve"}, {"execve", "close"}, {"close", "rt_sigtimedwait"}, {"close", "ppoll"},
	} {
		if at, have := l.first[pair[1]]; have && at < l.first[pair[0]] {
			return fmt.Errorf("step %d, %s, comes before %s", at+1, pair[1], pair[0])
		}
	}
	return nil
}

// bears demands that the child, which shares the init's memory, does nothing
// between its empty mask and its execve, that only its last execve reports,
// and that its steps are the child's alone.
func (l *linter) bears() error {
	begin, end := l.first["clone"]+2, l.last["execve"]+1
	mask := begin
	for i, s := range l.plan.Steps[begin:end] {
		c, ok := s.Op.(Call)
		switch {
		case !ok || s.Label != "":
			return fmt.Errorf("step %d: not the child's alone", begin+i+1)
		case c.Name == "rt_sigprocmask" && binary.LittleEndian.Uint64(c.Args[1].(Ptr).Data.Bytes) == 0:
			mask = begin + i
		case c.Name == "execve" && (len(c.On) == 0) != (begin+i == end-1):
			return fmt.Errorf("step %d, execve: the last one, and no other, reports", begin+i+1)
		}
	}
	if mask+1 != l.first["execve"] {
		return fmt.Errorf("step %d, execve, does not follow an empty mask", l.first["execve"]+1)
	}
	return nil
}

// ignores demands of an init that ignores SIGCHLD that it has the pidfd by
// then, that the program does not inherit it, and that who is a zombie already
// is reaped.
func (l *linter) ignores() error {
	at, have := l.first["rt_sigaction"]
	if !have {
		return nil
	}
	if pidfd, have := l.first["pidfd_open"]; !have || pidfd > at || at < l.last["execve"] {
		return fmt.Errorf("step %d, rt_sigaction, comes before pidfd_open or execve", at+1)
	}
	if next, ok := l.plan.Steps[at+1].Op.(Call); !ok || next.Name != "wait4" {
		return fmt.Errorf("step %d, rt_sigaction, without wait4 after it", at+1)
	}
	return nil
}

// sleeps demands that a stop and a continue, or a tracer, which end a sleep by
// EINTR (signal(7)), do not end PID 1.
func (l *linter) sleeps() error {
	return l.each("does not go on after EINTR", func(c Call) bool {
		return c.Name != "rt_sigtimedwait" && c.Name != "ppoll" || tolerates(c, unix.EINTR)
	})
}

// sends demands that a receiver that has gone, or has become another user's,
// does not end PID 1.
func (l *linter) sends() error {
	return l.each("needs its receiver", func(c Call) bool {
		switch c.Name {
		case "kill", "rt_sigqueueinfo", "pidfd_send_signal":
			return tolerates(c, unix.ESRCH) && tolerates(c, unix.EPERM)
		}
		return true
	})
}

// reaps demands that PID 1 never blocks in wait4, where no signal wakes it, and
// that to have no child is no error.
func (l *linter) reaps() error {
	return l.each("blocks, or wants a child", func(c Call) bool {
		return c.Name != "wait4" || hasFlag(c, 2, unix.WNOHANG) && tolerates(c, unix.ECHILD)
	})
}

// leaves demands that the last step, and it alone, ends the init.
func (l *linter) leaves() error {
	at, have := l.first["exit_group"]
	if _, exits := l.first["exit"]; !have || at != len(l.plan.Steps)-1 || exits {
		return fmt.Errorf("the last of %d steps, and it alone, is not exit_group", len(l.plan.Steps))
	}
	return nil
}

func (l *linter) each(complaint string, good func(Call) bool) error {
	for i, s := range l.plan.Steps {
		if c, ok := s.Op.(Call); ok && !good(c) {
			return fmt.Errorf("step %d, %s, %s", i+1, c.Name, complaint)
		}
	}
	return nil
}

func tolerates(c Call, errno unix.Errno) bool {
	return slices.ContainsFunc(c.On, func(on On) bool { return on.Errno == errno })
}
