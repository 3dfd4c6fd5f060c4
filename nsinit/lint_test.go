package nsinit

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A good plan broken in one place must be caught, each time with the place named.
func TestLintCatchesAPlanOutOfOrder(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Plan)
		want  string
	}{
		"ids before the bounding set": {func(p *Plan) { toFront(p, "setresuid") }, "setresuid"},
		"capset before the ids":       {func(p *Plan) { toEnd(p, "setresuid") }, "setresuid"},
		"no empty mask":               {func(p *Plan) { drop(p, "rt_sigprocmask") }, "no rt_sigprocmask"},
		"no session":                  {func(p *Plan) { drop(p, "setsid") }, "no setsid"},
		"descriptors stay open":       {func(p *Plan) { drop(p, "close_range") }, "no close_range"},
		"cwd is not checked":          {func(p *Plan) { drop(p, "getcwd") }, "no getcwd"},
		"no program":                  {func(p *Plan) { drop(p, "execve") }, "not execve"},
		"a mount after the ids":       {func(p *Plan) { toEnd(p, "move_mount") }, "move_mount"},
		"a descriptor for the program": {func(p *Plan) {
			callOf(p, "open_tree").Args[2] = Const{V: unix.OPEN_TREE_CLONE}
		}, "no close-on-exec"},
		"a call after seccomp": {func(p *Plan) {
			before(p, "execve", Step{Op: Call{Name: "seccomp"}}, Step{Op: Call{Name: "umask"}})
		}, "after seccomp"},
		"seccomp without no_new_privs in place": {func(p *Plan) {
			p.Steps = slices.Insert(p.Steps, 1, Step{Op: Call{Name: "seccomp"}})
		}, "seccomp"},
		"the parent's death before the ids": {func(p *Plan) {
			p.Steps = slices.Insert(p.Steps, 1, Step{Op: Call{Name: "prctl", Args: []Arg{sym(unix.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG")}}})
		}, "PR_SET_PDEATHSIG"},
		"seccomp without any right to it": {func(p *Plan) {
			p.Steps = slices.DeleteFunc(p.Steps, func(s Step) bool {
				c, ok := s.Op.(Call)
				return ok && kindOf(c) == "PR_SET_NO_NEW_PRIVS"
			})
			before(p, "execve", Step{Op: Call{Name: "seccomp"}})
		}, "CAP_SYS_ADMIN"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := minimal()
			spec.Process.NoNewPrivileges = true
			p := compileFor(t, spec, "amd64")
			c.spoil(p)
			if err := Lint(p); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The same of the init, whichever of the two it is.
func TestLintCatchesAnInitOutOfOrder(t *testing.T) {
	without := func(call string, errno unix.Errno) func(*Plan) {
		return func(p *Plan) {
			for i, s := range p.Steps {
				if c, ok := s.Op.(Call); ok && c.Name == call {
					c.On = slices.DeleteFunc(slices.Clone(c.On), func(on On) bool { return on.Errno == errno })
					p.Steps[i].Op = c
				}
			}
		}
	}
	for name, c := range map[string]struct {
		spoil   func(*Plan)
		want    string
		reaping bool // of the init that reaps
	}{
		"not guarded":                 {func(p *Plan) { toFront(p, "prctl") }, "rt_sigprocmask", false},
		"not PID 1":                   {func(p *Plan) { drop(p, "getpid") }, "getpid", false},
		"no program":                  {func(p *Plan) { drop(p, "execve") }, "execve", false},
		"start waits for ever":        {func(p *Plan) { drop(p, "close") }, "no close", false},
		"a child that misses signals": {func(p *Plan) { before(p, "execve", Step{Op: Call{Name: "umask", Args: []Arg{num(0)}}}) }, "empty mask", false},
		"a child that another enters": {func(p *Plan) { p.Steps[indexOf(p, "setpgid")].Label = "child" }, "child's alone", false},
		"a candidate that reports": {func(p *Plan) {
			i := indexOf(p, "execve")
			p.Steps[i].Op = Call{Name: "execve", Args: callOf(p, "execve").Args}
		}, "the last one, and no other", false},
		"the pidfd comes late":       {func(p *Plan) { drop(p, "pidfd_open") }, "before pidfd_open", false},
		"the program ignores it too": {func(p *Plan) { toFront(p, "rt_sigaction") }, "", false},
		"zombies of before stay": {func(p *Plan) {
			p.Steps = slices.Insert(p.Steps, indexOf(p, "rt_sigaction")+1, Step{Op: Goto{To: "wait"}})
		}, "without wait4", false},
		"a stop ends a poll":      {without("ppoll", unix.EINTR), "EINTR", false},
		"a stop ends a wait":      {without("rt_sigtimedwait", unix.EINTR), "EINTR", true},
		"a kill of nobody":        {without("kill", unix.ESRCH), "receiver", true},
		"a queue of nobody's":     {without("rt_sigqueueinfo", unix.ESRCH), "receiver", true},
		"a signal to another's":   {without("pidfd_send_signal", unix.EPERM), "receiver", false},
		"a wait that blocks":      {func(p *Plan) { callOf(p, "wait4").Args[2] = num(0) }, "blocks", true},
		"no child":                {without("wait4", unix.ECHILD), "wants a child", true},
		"two ends":                {func(p *Plan) { before(p, "exit_group", Step{Op: Call{Name: "exit_group", Args: []Arg{num(0)}}}) }, "exit_group", true},
		"a descriptor of signals": {func(p *Plan) { callOf(p, "signalfd4").Args[3] = num(0) }, "no close-on-exec", false},
		"signals are taken too soon": {func(p *Plan) {
			before(p, "close", Step{Op: Call{Name: "ppoll", On: tolerate(unix.EINTR)}})
		}, "ppoll", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := watchingPlanOf(t, with(nil), "amd64")
			if c.reaping {
				p = initPlanOf(t, with(nil), "amd64")
			}
			c.spoil(p.Init)
			if err := Lint(p); err == nil || !strings.Contains(err.Error(), "init: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Whoever enters a user namespace waits for its mappings and becomes its root,
// and only then does anything else.
func TestLintCatchesAUserNamespaceOutOfOrder(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Plan)
		want  string
	}{
		"ids before the mappings": {func(p *Plan) {
			p.Steps = slices.DeleteFunc(p.Steps, func(s Step) bool { c, ok := s.Op.(Call); return ok && c.Name == "read" })
		}, "before the ids of the user namespace are mapped"},
		"never root": {func(p *Plan) {
			i := indexOf(p, "setresuid")
			p.Steps = slices.Delete(p.Steps, i, i+1)
		}, "before the process is root"},
		"an execve before the mappings": {func(p *Plan) {
			before(p, "setgroups", Step{Op: Call{Name: "execve"}})
		}, "before the process is root"},
		"a clone before root": {func(p *Plan) {
			before(p, "setresuid", Step{Op: Call{Name: "clone3"}})
		}, "clone3"},
		"a namespace joined where others can look": {func(p *Plan) {
			before(p, "unshare", Step{Op: Call{Name: "prctl", Args: []Arg{sym(unix.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"), num(1)}}},
				Step{Op: Call{Name: "setns", Args: []Arg{num(3), num(unix.CLONE_NEWNET)}}})
		}, "PR_SET_DUMPABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			p := compileFor(t, loadRecorded(t, "ctr-userns"), "amd64")
			c.spoil(p)
			if err := Lint(p); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func indexOf(p *Plan, call string) int {
	return slices.IndexFunc(p.Steps, func(s Step) bool {
		c, ok := s.Op.(Call)
		return ok && c.Name == call
	})
}

func callOf(p *Plan, call string) Call { return p.Steps[indexOf(p, call)].Op.(Call) }

func drop(p *Plan, call string) {
	p.Steps = slices.DeleteFunc(p.Steps, func(s Step) bool {
		c, ok := s.Op.(Call)
		return ok && c.Name == call
	})
}

func toFront(p *Plan, call string) {
	i := indexOf(p, call)
	s := p.Steps[i]
	p.Steps = slices.Insert(slices.Delete(p.Steps, i, i+1), 0, s)
}

// toEnd moves a step to just before the execve.
func toEnd(p *Plan, call string) {
	i := indexOf(p, call)
	s := p.Steps[i]
	p.Steps = slices.Delete(p.Steps, i, i+1)
	before(p, "execve", s)
}

func before(p *Plan, call string, steps ...Step) {
	p.Steps = slices.Insert(p.Steps, indexOf(p, call), steps...)
}
