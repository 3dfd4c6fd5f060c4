package nsinit

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// listen loads a filter with SCMP_ACT_NOTIFY, whose result is the descriptor of
// its listener, and passes that to minirun along with a report. That one call
// comes after the filter, so the profile has to let it through by itself: who
// could answer for it gets the descriptor from it. Nobody is waited for: a
// call that the program makes too early waits in the kernel for the listener,
// and so does the execve, if the profile wants it.
func (b *builder) listen(load Call, s *specs.LinuxSeccomp) {
	if !plain(s, "sendmsg") {
		b.fail("linux.seccomp: %s takes a profile that allows sendmsg, by which the filter's listener is handed over: %w",
			specs.ActNotify, unix.EPERM)
		return
	}
	step := len(b.plan.Steps) + 1 // the sendmsg
	report := halves("", uint32(step), 0)
	msg, fd := rights(report, "report", "listener")
	load.Result = fd
	b.do("linux.seccomp", load)
	b.call("minirun passes the listener on to linux.seccomp.listenerPath", "sendmsg",
		b.fd(Inherit{Role: RoleReport}), msg, sym(unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"))
}

// plain tells whether a profile lets a system call through whatever its
// arguments, without anybody's help. Which rule counts is as with filter.
func plain(p *specs.LinuxSeccomp, name string) bool {
	conditional := false
	for i := range p.Syscalls {
		rule := &p.Syscalls[i]
		if rule.Action == p.DefaultAction || !slices.Contains(rule.Names, name) {
			continue
		}
		if len(rule.Args) == 0 {
			return lets(rule.Action)
		}
		conditional = conditional || !lets(rule.Action)
	}
	return !conditional && lets(p.DefaultAction)
}

func lets(a specs.LinuxSeccompAction) bool { return a == specs.ActAllow || a == specs.ActLog }
