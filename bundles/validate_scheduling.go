package bundles

import (
	"cmp"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkScheduler refuses what sched_setattr(2) would, where the kernel's EINVAL
// would not tell which of the numbers it is.
func checkScheduler(s *specs.Scheduler) error {
	if s == nil {
		return nil
	}
	fair := s.Policy == specs.SchedOther || s.Policy == specs.SchedBatch
	fixed := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR
	switch _, known := SchedPolicy(s.Policy); {
	case s.Policy == "":
		return missing("policy")
	case !known:
		return bad("policy", "unknown policy %q", s.Policy)
	case fair && (s.Nice < -20 || s.Nice > 19):
		return bad("nice", "%d is out of range (-20 to 19)", s.Nice)
	case !fixed && s.Priority != 0:
		return bad("priority", "%d is for SCHED_FIFO and SCHED_RR, and the policy is %s", s.Priority, s.Policy)
	case fixed && (s.Priority < 1 || s.Priority > 99):
		return bad("priority", "%d is out of range (1 to 99)", s.Priority)
	case s.Policy != specs.SchedDeadline && s.Runtime|s.Deadline|s.Period != 0:
		return bad("", "runtime, deadline and period are for SCHED_DEADLINE, and the policy is %s", s.Policy)
	}
	return each("flags", s.Flags, func(f specs.LinuxSchedulerFlag) error {
		if _, ok := SchedFlag(f); !ok {
			return bad("", "unknown flag %q", f)
		}
		return nil
	})
}

// SchedPolicy is SCHED_* of include/uapi/linux/sched.h.
func SchedPolicy(p specs.LinuxSchedulerPolicy) (uint32, bool) {
	i := slices.Index([]specs.LinuxSchedulerPolicy{specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch,
		specs.SchedISO, specs.SchedIdle, specs.SchedDeadline}, p)
	return uint32(i), i >= 0
}

// SchedFlag is SCHED_FLAG_* of include/uapi/linux/sched.h.
func SchedFlag(f specs.LinuxSchedulerFlag) (uint64, bool) {
	i := slices.Index([]specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun,
		specs.SchedFlagKeepPolicy, specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax}, f)
	return 1 << max(i, 0), i >= 0
}

func checkIOPriority(p *specs.LinuxIOPriority) error {
	if p == nil {
		return nil
	}
	return cmp.Or(
		in("class", oneOf(ioClasses[:], string(p.Class), "class")),
		within("priority", &p.Priority, 0, 7), // IOPRIO_NR_LEVELS, include/uapi/linux/ioprio.h
	)
}

var ioClasses = [...]string{string(specs.IOPRIO_CLASS_RT), string(specs.IOPRIO_CLASS_BE), string(specs.IOPRIO_CLASS_IDLE)}

// IOClass is IOPRIO_CLASS_* of include/uapi/linux/ioprio.h, 0 for none of them.
func IOClass(c specs.IOPriorityClass) int { return 1 + slices.Index(ioClasses[:], string(c)) }

func checkAffinity(a *specs.CPUAffinity) error {
	if a == nil {
		return nil
	}
	return cmp.Or(in("initial", checkSet(a.Initial)), in("final", checkSet(a.Final)))
}

func checkSet(list string) error {
	_, err := ParseSet(list)
	return err
}

func checkPersonality(p *specs.LinuxPersonality) error {
	if p == nil {
		return nil
	}
	if len(p.Flags) > 0 {
		return bad("flags[0]", "unknown flag %q", p.Flags[0])
	}
	return in("domain", oneOf([]string{string(specs.PerLinux), string(specs.PerLinux32)}, string(p.Domain), "domain"))
}

// Modes and flags of set_mempolicy(2), in the order of MPOL_* in
// include/uapi/linux/mempolicy.h, from 0 and from bit 13 on.
var (
	memoryModes = [...]string{
		string(specs.MpolDefault), string(specs.MpolPreferred), string(specs.MpolBind), string(specs.MpolInterleave),
		string(specs.MpolLocal), string(specs.MpolPreferredMany), string(specs.MpolWeightedInterleave),
	}
	memoryFlags = [...]string{
		string(specs.MpolFNumaBalancing), string(specs.MpolFRelativeNodes), string(specs.MpolFStaticNodes),
	}
)

// KnownMemoryModes and KnownMemoryFlags list what Validate accepts in
// linux.memoryPolicy, for the features verb.
func KnownMemoryModes() []string { return memoryModes[:] }

// KnownMemoryFlags are those of flags.
func KnownMemoryFlags() []string { return memoryFlags[:] }

func checkMemoryPolicy(m *specs.LinuxMemoryPolicy) error {
	if m == nil {
		return nil
	}
	nodes, err := ParseSet(m.Nodes)
	if err = cmp.Or(in("mode", oneOf(memoryModes[:], string(m.Mode), "mode")), in("nodes", err)); err != nil {
		return err
	}
	switch m.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if nodes != nil {
			return bad("nodes", "%s takes none", m.Mode)
		}
	case specs.MpolPreferred: // none is the local node
	default:
		if nodes == nil {
			return bad("nodes", "missing, %s needs one", m.Mode)
		}
	}
	return each("flags", m.Flags, func(f specs.MemoryPolicyFlagType) error { return oneOf(memoryFlags[:], string(f), "flag") })
}

// MemoryMode is the first argument of set_mempolicy(2).
func MemoryMode(m *specs.LinuxMemoryPolicy) uint64 {
	mode := uint64(slices.Index(memoryModes[:], string(m.Mode)))
	for _, f := range m.Flags {
		mode |= 1 << (13 + slices.Index(memoryFlags[:], string(f)))
	}
	return mode
}
