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
