package nsinit

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// checkFilter refuses a linux.seccomp that would break the init, which runs
// under it like the program: an init that cannot wait for a signal could only
// end, and by then nobody listens to its reports.
func (b *builder) checkFilter(init *Plan) {
	profile := b.spec.Linux.Seccomp
	if profile == nil {
		return
	}
	last := b.plan.Steps[len(b.plan.Steps)-1] // the execveat
	flag := "--init"
	if b.joining != nil {
		flag = "--subreap"
	}
	for _, s := range append([]Step{last}, init.Steps...) {
		c, ok := s.Op.(Call)
		if ok && !canDoWithout(c) && !allows(profile, c.Name) {
			b.fail("%s: linux.seccomp does not allow %s, which the init needs: %w", flag, c.Name, unix.EPERM)
		}
	}
}

// canDoWithout tells whether a call that a filter refuses with EPERM is borne.
func canDoWithout(c Call) bool {
	return tolerates(c, unix.EPERM)
}

// allows tells whether a profile lets a system call through, for some
// arguments at least; the kernel judges the arguments themselves.
func allows(p *specs.LinuxSeccomp, name string) bool {
	listed := false
	for _, rule := range p.Syscalls {
		if !slices.Contains(rule.Names, name) {
			continue
		}
		if passes(rule.Action) {
			return true
		}
		listed = listed || len(rule.Args) == 0
	}
	return !listed && passes(p.DefaultAction)
}

func passes(a specs.LinuxSeccompAction) bool {
	switch a {
	case specs.ActAllow, specs.ActLog, specs.ActTrace, specs.ActNotify:
		return true
	}
	return false
}

// unfiltered tells whether a filter lets these calls through whatever their arguments.
func (b *builder) unfiltered(names ...string) bool {
	p := b.spec.Linux.Seccomp
	return p == nil || !slices.ContainsFunc(names, func(name string) bool { return mayRefuse(p, name) })
}

// mayRefuse tells whether a profile refuses a system call, for some arguments at least.
func mayRefuse(p *specs.LinuxSeccomp, name string) bool {
	always := false
	for _, rule := range p.Syscalls {
		if slices.Contains(rule.Names, name) {
			if !passes(rule.Action) {
				return true
			}
			always = always || len(rule.Args) == 0
		}
	}
	return !always && !passes(p.DefaultAction)
}
