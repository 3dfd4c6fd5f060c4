package nsinit

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A filter is linux.seccomp on its way to a classic BPF program. What it
// allows is what libseccomp's filter would, as runc fills it:
//
//   - of the rules for one system call, one without arguments beats those with
//     arguments, and among equals the first one in the profile counts;
//   - a rule whose action is the default one is not there;
//   - two conditions on one argument are two rules;
//   - a name that no architecture knows is ignored;
//   - a system call that is newer than every one in the profile is not there
//     (ENOSYS) where the default would refuse it, so that C libraries fall
//     back to older ones;
//   - an architecture that is not listed kills the thread.
type filter struct {
	def   uint32 // SECCOMP_RET_* of the default action
	abis  abiSet
	rules []seccompRule
	items [abiCount][]seccompItem
	last  [abiCount]int32 // the highest number that the profile mentions
}

// A seccompRule is an action and the conditions that all must hold; without
// conditions it is a rule for any arguments.
type seccompRule struct {
	action uint32
	conds  []condition
}

// condition compares an argument as specs.LinuxSeccompArg says.
type condition struct {
	index       uint
	op          specs.LinuxSeccompOperator
	value, mask uint64 // mask is of SCMP_CMP_MASKED_EQ alone
}

// A seccompItem is a system call's number and the index of a rule for it, in
// one word, so that it sorts fast: by number, then as in the profile.
type seccompItem uint64

func item(nr int32, rule int) seccompItem { return seccompItem(nr)<<32 | seccompItem(rule) }
func (i seccompItem) nr() uint32          { return uint32(i >> 32) }
func (i seccompItem) rule() int           { return int(uint32(i)) }

// compileSeccomp returns the program, in the kernel's struct sock_filter, for
// a machine. The profile has passed bundles.Validate.
func compileSeccomp(s *specs.LinuxSeccomp, goarch string) ([]byte, error) {
	f := &filter{def: actionOf(s.DefaultAction, s.DefaultErrnoRet), abis: abisOf(goarch, s.Architectures)}
	f.read(s.Syscalls)
	return f.program(nativeABI(goarch))
}

// actionOf is the value that a filter returns for an action. The errno of
// SCMP_ACT_ERRNO and the message of SCMP_ACT_TRACE are EPERM unless given.
func actionOf(a specs.LinuxSeccompAction, errnoRet *uint) uint32 {
	data := uint32(unix.EPERM)
	if errnoRet != nil {
		data = uint32(*errnoRet) & unix.SECCOMP_RET_DATA
	}
	switch a {
	case specs.ActAllow:
		return unix.SECCOMP_RET_ALLOW
	case specs.ActLog:
		return unix.SECCOMP_RET_LOG
	case specs.ActErrno:
		return unix.SECCOMP_RET_ERRNO | data
	case specs.ActTrace:
		return unix.SECCOMP_RET_TRACE | data
	case specs.ActTrap:
		return unix.SECCOMP_RET_TRAP
	case specs.ActNotify:
		return unix.SECCOMP_RET_USER_NOTIF
	case specs.ActKillProcess:
		return unix.SECCOMP_RET_KILL_PROCESS
	}
	return unix.SECCOMP_RET_KILL_THREAD // SCMP_ACT_KILL, SCMP_ACT_KILL_THREAD
}

// read takes the rules in.
func (f *filter) read(syscalls []specs.LinuxSyscall) {
	names := 0
	for i := range syscalls {
		names += len(syscalls[i].Names)
	}
	for a := range abiCount {
		f.last[a] = -1
		if f.abis.has(a) {
			f.items[a] = make([]seccompItem, 0, names+names/8+8)
		}
	}
	f.rules = make([]seccompRule, 0, len(syscalls)+64)
	for i := range syscalls {
		f.readRule(&syscalls[i])
	}
	for a := range abiCount {
		slices.Sort(f.items[a])
	}
}

func (f *filter) readRule(s *specs.LinuxSyscall) {
	first := len(f.rules)
	if action := actionOf(s.Action, s.ErrnoRet); action != f.def {
		f.rules = appendRules(f.rules, action, s.Args)
	}
	end := len(f.rules)
	for _, name := range s.Names {
		sys := findSyscall(name)
		if sys == nil {
			continue
		}
		for a, nr := range sys.nr {
			if nr >= 0 && f.abis.has(seccompABI(a)) {
				f.last[a] = max(f.last[a], nr)
				f.add(seccompABI(a), nr, first, end)
			}
		}
		if f.abis.has(abiX86) {
			f.multiplex(name, first, end)
		}
	}
}

// add notes rules for a system call.
func (f *filter) add(a seccompABI, nr int32, first, end int) {
	for r := first; r < end; r++ {
		f.items[a] = append(f.items[a], item(nr, r))
	}
}

// appendRules appends the rules of one entry of the profile: one, or as in
// runc one for each condition if two conditions are on the same argument.
func appendRules(rules []seccompRule, action uint32, args []specs.LinuxSeccompArg) []seccompRule {
	conds := make([]condition, len(args))
	var seen, twice uint
	for i, a := range args {
		conds[i] = condition{index: a.Index, op: a.Op, value: a.Value}
		if a.Op == specs.OpMaskedEqual {
			conds[i].mask, conds[i].value = a.Value, a.ValueTwo&a.Value
		}
		twice |= seen & (1 << a.Index)
		seen |= 1 << a.Index
	}
	if twice == 0 {
		return append(rules, seccompRule{action, conds})
	}
	for i := range conds {
		rules = append(rules, seccompRule{action, conds[i : i+1]})
	}
	return rules
}

// multiplex lets the rules for a call count for socketcall(2) or ipc(2) too,
// by which 32-bit programs make it. Its first argument there is the number of
// the call, which takes the place of a condition on the real first argument:
// that lies in memory, where no filter can look. libseccomp does the same.
func (f *filter) multiplex(name string, first, end int) {
	m := multiplexed(name)
	if m.call == 0 {
		return
	}
	from := len(f.rules)
	for _, r := range f.rules[first:end] {
		conds := append(make([]condition, 0, 1+len(r.conds)), condition{op: specs.OpEqualTo, value: m.call})
		for _, c := range r.conds {
			if c.index != 0 {
				conds = append(conds, c)
			}
		}
		f.rules = append(f.rules, seccompRule{r.action, conds})
	}
	f.add(abiX86, findSyscall(m.name).nr[abiX86], from, len(f.rules))
}
