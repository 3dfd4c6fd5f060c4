package bundles

import (
	"cmp"
	"math"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Values of linux.seccomp that runtime-spec names, in the order in which
// features lists them.
var (
	seccompActions = [...]string{
		string(specs.ActAllow), string(specs.ActErrno), string(specs.ActKill), string(specs.ActKillProcess),
		string(specs.ActKillThread), string(specs.ActLog), string(specs.ActNotify), string(specs.ActTrace), string(specs.ActTrap),
	}
	seccompOperators = [...]string{
		string(specs.OpEqualTo), string(specs.OpGreaterEqual), string(specs.OpGreaterThan), string(specs.OpLessEqual),
		string(specs.OpLessThan), string(specs.OpMaskedEqual), string(specs.OpNotEqual),
	}
	seccompArchs = [...]string{
		string(specs.ArchAARCH64), string(specs.ArchARM), string(specs.ArchLOONGARCH64), string(specs.ArchM68K),
		string(specs.ArchMIPS), string(specs.ArchMIPS64), string(specs.ArchMIPS64N32), string(specs.ArchMIPSEL),
		string(specs.ArchMIPSEL64), string(specs.ArchMIPSEL64N32), string(specs.ArchPARISC), string(specs.ArchPARISC64),
		string(specs.ArchPPC), string(specs.ArchPPC64), string(specs.ArchPPC64LE), string(specs.ArchRISCV64),
		string(specs.ArchS390), string(specs.ArchS390X), string(specs.ArchSH), string(specs.ArchSHEB),
		string(specs.ArchX32), string(specs.ArchX86), string(specs.ArchX86_64),
	}
	seccompFlags = [...]string{
		string(specs.LinuxSeccompFlagLog), string(specs.LinuxSeccompFlagSpecAllow), seccompFlagTsync,
		string(specs.LinuxSeccompFlagWaitKillableRecv),
	}
)

// seccompFlagTsync has no constant in runtime-spec's package.
const seccompFlagTsync = "SECCOMP_FILTER_FLAG_TSYNC"

// KnownSeccompActions, and the three functions after it, list what Validate
// accepts in linux.seccomp.
func KnownSeccompActions() []string { return seccompActions[:] }

// KnownSeccompOperators are those of syscalls[].args[].op.
func KnownSeccompOperators() []string { return seccompOperators[:] }

// KnownSeccompArchs are those of architectures.
func KnownSeccompArchs() []string { return seccompArchs[:] }

// KnownSeccompFlags are those of flags.
func KnownSeccompFlags() []string { return seccompFlags[:] }

func checkSeccomp(s *specs.LinuxSeccomp) error {
	if s == nil {
		return nil
	}
	return cmp.Or(
		in("defaultAction", checkAction(s.DefaultAction)),
		in("defaultErrnoRet", checkErrnoRet(s.DefaultAction, s.DefaultErrnoRet)),
		each("architectures", s.Architectures, func(a specs.Arch) error { return oneOf(seccompArchs[:], string(a), "architecture") }),
		each("flags", s.Flags, func(f specs.LinuxSeccompFlag) error { return oneOf(seccompFlags[:], string(f), "flag") }),
		checkListener(s),
		checkSyscalls(s.Syscalls),
	)
}

// checkListener refuses SCMP_ACT_NOTIFY as the default, as runc does: the
// execve itself would wait for a listener that has not been told of it yet.
func checkListener(s *specs.LinuxSeccomp) error {
	switch {
	case s.DefaultAction == specs.ActNotify:
		return bad("defaultAction", "%s is for single system calls", s.DefaultAction)
	case s.ListenerMetadata != "" && s.ListenerPath == "":
		return bad("listenerMetadata", "there is no listenerPath")
	case s.ListenerPath != "":
		return in("listenerPath", absolute(s.ListenerPath))
	case Notifies(s):
		return bad("listenerPath", "missing, %s needs it", specs.ActNotify)
	}
	return nil
}

// Notifies tells whether a profile hands system calls to a listener. The
// listenerPath of any other is ignored, as the specification says.
func Notifies(s *specs.LinuxSeccomp) bool {
	if s == nil {
		return false
	}
	for i := range s.Syscalls {
		if s.Syscalls[i].Action == specs.ActNotify {
			return true
		}
	}
	return false
}

// checkSyscalls is each, without a copy of an entry in the usual case.
func checkSyscalls(all []specs.LinuxSyscall) error {
	for i := range all {
		if err := checkSyscall(&all[i]); err != nil {
			return in("syscalls", at(i, err))
		}
	}
	return nil
}

// checkSyscall takes every name: those that no kernel knows are ignored.
func checkSyscall(s *specs.LinuxSyscall) error {
	if len(s.Names) == 0 {
		return missing("names")
	}
	if i := slices.Index(s.Names, ""); i >= 0 {
		return in("names", at(i, bad("", "empty")))
	}
	return cmp.Or(
		in("action", checkAction(s.Action)),
		in("errnoRet", checkErrnoRet(s.Action, s.ErrnoRet)),
		each("args", s.Args, checkSeccompArg),
	)
}

func checkAction(a specs.LinuxSeccompAction) error {
	return oneOf(seccompActions[:], string(a), "action")
}

// checkErrnoRet refuses an errno beside an action that has none, as the
// specification demands. The filter has 16 bits for it.
func checkErrnoRet(a specs.LinuxSeccompAction, errno *uint) error {
	if errno != nil && a != specs.ActErrno && a != specs.ActTrace {
		return bad("", "%s does not take one", a)
	}
	return within("", errno, 0, math.MaxUint16)
}

func checkSeccompArg(a specs.LinuxSeccompArg) error {
	const last = 5 // of the six arguments of a system call
	return cmp.Or(
		within("index", &a.Index, 0, last),
		in("op", oneOf(seccompOperators[:], string(a.Op), "operator")),
	)
}

// oneOf refuses a value that is not in the list; what says what it would be.
func oneOf(list []string, value, what string) error {
	switch {
	case value == "":
		return missing("")
	case !slices.Contains(list, value):
		return bad("", "unknown %s %q", what, value)
	}
	return nil
}
