package nsinit

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Lint checks the order of a plan: what must come before what, whatever the
// config.json. It runs on every plan before it is assembled, and an error is
// a bug of minirun's.
func Lint(p *Plan) error {
	l := linter{plan: p, first: map[string]int{}, last: map[string]int{}}
	l.index()
	for _, check := range []func() error{l.order, l.clean, l.ends, l.execs, l.filters, l.users, l.descriptors} {
		if err := check(); err != nil {
			return fmt.Errorf("plan: bug: %w", err)
		}
	}
	if p.Init != nil {
		return lintInit(p.Init)
	}
	return nil
}

// linter knows where each kind of call stands. A kind is the call's name, and
// for prctl its first argument.
type linter struct {
	plan        *Plan
	first, last map[string]int
	stage       int // number of steps of the stage
}

func (l *linter) index() {
	l.stage = slices.IndexFunc(l.plan.Steps, func(s Step) bool { m, ok := s.Op.(Mark); return ok && m.Name == MarkStage })
	for i, s := range l.plan.Steps {
		c, ok := s.Op.(Call)
		if !ok {
			continue
		}
		kind := l.kindOf(i, c)
		if _, seen := l.first[kind]; !seen {
			l.first[kind] = i
		}
		l.last[kind] = i
	}
}

// kindOf tells the stage's change to root of a user namespace, and the limits
// that it raises, from the container's own ids and limits.
func (l *linter) kindOf(i int, c Call) string {
	kind := kindOf(c)
	switch kind {
	case "setgroups", "setresgid", "setresuid", "prlimit64":
		if i < l.stage {
			return "stage " + kind
		}
	case "ppoll":
		if len(c.Args) > 2 && c.Args[2] != null {
			return "ppoll without sleep"
		}
	case "PR_SET_DUMPABLE":
		if v, ok := c.Args[1].(Const); ok && v.V != 0 {
			return "PR_SET_DUMPABLE 1"
		}
	}
	return kind
}

func kindOf(c Call) string {
	if c.Name == "prctl" && len(c.Args) > 0 {
		return argText(c.Args[0])
	}
	return c.Name
}

// order lists pairs of which the first must be over before the second begins.
func (l *linter) order() error {
	for _, pair := range [][2]string{
		{"close_range", "setns"},          // nothing inherited is open where others live
		{"PR_SET_DUMPABLE", "setns"},      // nobody who lives there may look into the stage
		{"setns", "PR_SET_DUMPABLE 1"},    //
		{"rt_sigprocmask", "pivot_root"},  // no signal of the caller's mask in the container
		{"setsid", "pivot_root"},          //
		{"move_mount", "setresuid"},       // mounting needs CAP_SYS_ADMIN
		{"mknodat", "setresuid"},          // CAP_MKNOD
		{"pivot_root", "PR_CAPBSET_DROP"}, //
		{"chroot", "PR_CAPBSET_DROP"},     //
		{"prlimit64", "setresuid"},        // raising a hard limit needs CAP_SYS_RESOURCE
		{"PR_CAPBSET_DROP", "setresuid"},  // needs CAP_SETPCAP
		{"setgroups", "setresgid"},        // needs CAP_SETGID
		{"setresgid", "setresuid"},        //
		{"setresuid", "capset"},           // a change of ids clears what capset sets
		{"capset", "PR_CAP_AMBIENT"},      // ambient is limited by permitted and inheritable
		{"PR_CAP_AMBIENT", "accept4"},     // created means: nothing left to do but to start
		{"PR_CAP_AMBIENT", "PR_SET_NO_NEW_PRIVS"},
		{"PR_SET_NO_NEW_PRIVS", "seccomp"},
		{"setresuid", "PR_SET_PDEATHSIG"}, // a change of credentials undoes it
		{"PR_CAP_AMBIENT", "PR_SET_PDEATHSIG"},
		{"PR_SET_PDEATHSIG", "ppoll without sleep"}, // who has ended before is not heard of
		{"ppoll without sleep", "seccomp"},
	} {
		last, have := l.last[pair[0]]
		first, also := l.first[pair[1]]
		if have && also && last > first {
			return fmt.Errorf("step %d, %s, comes after step %d, %s", last+1, pair[0], first+1, pair[1])
		}
	}
	return nil
}

// clean demands what every plan must do.
func (l *linter) clean() error {
	for _, kind := range []string{"close_range", "rt_sigprocmask", "setsid", "setresuid", "capset", "PR_CAP_AMBIENT", "getcwd"} {
		if _, have := l.first[kind]; !have {
			return fmt.Errorf("no %s", kind)
		}
	}
	return nil
}

// ends demands that the last step is the program's execve, or execveat of
// the built-in init.
func (l *linter) ends() error {
	last := "execve"
	if l.plan.Init != nil {
		last = "execveat"
	}
	if at, have := l.last[last]; !have || at != len(l.plan.Steps)-1 {
		return fmt.Errorf("the last of %d steps is not %s", len(l.plan.Steps), last)
	}
	return nil
}

// execs demands that nothing but the execve follows a seccomp filter, which
// may forbid any other call; a listener's lets its descriptor be sent.
func (l *linter) execs() error {
	at, have := l.last["seccomp"]
	if !have {
		return nil
	}
	for i, s := range l.plan.Steps[at+1:] {
		if c, ok := s.Op.(Call); ok && c.Name != "execve" && c.Name != "execveat" && !(i == 0 && l.plan.Listener && c.Name == "sendmsg") {
			return fmt.Errorf("step %d, %s, comes after seccomp", at+i+2, c.Name)
		}
	}
	return nil
}

// filters demands that the kernel takes the filter: from a process that gains
// nothing by an execve, or that has CAP_SYS_ADMIN still.
func (l *linter) filters() error {
	at, have := l.first["seccomp"]
	if _, nnp := l.first["PR_SET_NO_NEW_PRIVS"]; !have || nnp {
		return nil
	}
	if set, have := l.last["capset"]; have {
		c := l.plan.Steps[set].Op.(Call)
		if data, ok := c.Args[1].(Ptr); ok && binary.LittleEndian.Uint32(data.Data.Bytes)&(1<<unix.CAP_SYS_ADMIN) != 0 {
			return nil
		}
	}
	return fmt.Errorf("step %d, seccomp, comes without PR_SET_NO_NEW_PRIVS and without CAP_SYS_ADMIN", at+1)
}

// users demands that a process which enters a user namespace becomes its root
// before it does anything else, and not before the ids are mapped: an execve
// would cost it every capability, and a file would be nobody's.
func (l *linter) users() error {
	at := slices.IndexFunc(l.plan.Steps, entersUser)
	if at < 0 {
		return nil
	}
	mapped := l.plan.Steps[at].Op.(Call).Name == "setns"
	for i, s := range l.plan.Steps[at+1:] {
		c, ok := s.Op.(Call)
		switch {
		case !ok:
		case c.Name == "read":
			mapped = true
		case !mapped:
			return fmt.Errorf("step %d, %s, comes before the ids of the user namespace are mapped", at+i+2, c.Name)
		case c.Name == "setresuid":
			return nil
		case c.Name != "setgroups" && c.Name != "setresgid" && c.Name != "close":
			return fmt.Errorf("step %d, %s, comes before the process is root of its user namespace", at+i+2, c.Name)
		}
	}
	return fmt.Errorf("step %d enters a user namespace, and the process never becomes its root", at+1)
}

func entersUser(s Step) bool {
	c, ok := s.Op.(Call)
	return ok && (c.Name == "unshare" && hasFlag(c, 0, unix.CLONE_NEWUSER) || c.Name == "setns" && hasFlag(c, 1, unix.CLONE_NEWUSER))
}

// descriptors demands that whatever opens a descriptor makes it close-on-exec.
func (l *linter) descriptors() error {
	for i, s := range l.plan.Steps {
		if c, ok := s.Op.(Call); ok && !closesOnExec(c) {
			return fmt.Errorf("step %d, %s: no close-on-exec", i+1, c.Name)
		}
	}
	return nil
}

func closesOnExec(c Call) bool {
	const cloexec = unix.O_CLOEXEC // SOCK_CLOEXEC and OPEN_TREE_CLOEXEC too
	switch c.Name {
	case "openat", "open_tree":
		return hasFlag(c, 2, cloexec)
	case "accept4":
		return hasFlag(c, 3, cloexec)
	case "socket":
		return hasFlag(c, 1, cloexec)
	case "signalfd4": // a pidfd has it always
		return hasFlag(c, 3, cloexec)
	case "fsopen", "fsmount":
		return hasFlag(c, 1, unix.FSOPEN_CLOEXEC)
	case "fspick":
		return hasFlag(c, 2, unix.FSPICK_CLOEXEC)
	case "openat2":
		how, ok := c.Args[2].(Ptr)
		return ok && binary.LittleEndian.Uint64(how.Data.Bytes)&cloexec != 0
	}
	return true
}

func hasFlag(c Call, arg int, flag uint64) bool {
	v, ok := c.Args[arg].(Const)
	return ok && v.V&flag != 0
}
