package nsinit

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// reference is the meaning of a profile, word for word and without haste.
func reference(s *specs.LinuxSeccomp, goarch string, d *seccompData) uint32 {
	def := actionOf(s.DefaultAction, s.DefaultErrnoRet)
	abi, known := abiOfCall(d)
	switch {
	case d.arch == auditX8664 && goarch == "amd64" && d.nr == ^uint32(0) && !abisOf(goarch, s.Architectures).has(abiX32):
		return def // cancelled by a tracer
	case !known || !abisOf(goarch, s.Architectures).has(abi):
		return unix.SECCOMP_RET_KILL_THREAD
	}
	newest, match, decided := int32(-1), def, false
	for _, rule := range s.Syscalls {
		action := actionOf(rule.Action, rule.ErrnoRet)
		for _, name := range rule.Names {
			row := findSyscall(name)
			if row == nil {
				continue
			}
			newest = max(newest, row.nr[abi])
			for _, args := range alternatives(rule.Args) {
				ours := row.nr[abi] >= 0 && uint32(row.nr[abi]) == d.nr
				if m := multiplexed(name); abi == abiX86 && m.call != 0 && findSyscall(m.name).nr[abiX86] == int32(d.nr) {
					args = slices.DeleteFunc(slices.Clone(args), func(a specs.LinuxSeccompArg) bool { return a.Index == 0 })
					args = append(args, specs.LinuxSeccompArg{Op: specs.OpEqualTo, Value: m.call})
					ours = true
				}
				switch {
				case !ours || action == def:
				case len(args) == 0:
					return action
				case !decided && argsHold(args, abi, d):
					match, decided = action, true
				}
			}
		}
	}
	// An unconditional rule that comes later would have returned.
	if newest > 0 && d.nr > uint32(newest) && !permissive(def) {
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	return match
}

func abiOfCall(d *seccompData) (seccompABI, bool) {
	switch d.arch {
	case auditX8664:
		if d.nr >= x32Bit {
			return abiX32, true
		}
		return abiX8664, true
	case auditI386:
		return abiX86, true
	case auditARM64:
		return abiARM64, true
	case auditARM:
		return abiARM, true
	}
	return 0, false
}

// alternatives: all conditions, or one of them if two are on the same argument.
func alternatives(args []specs.LinuxSeccompArg) [][]specs.LinuxSeccompArg {
	seen := map[uint]bool{}
	for _, a := range args {
		seen[a.Index] = true
	}
	if len(seen) == len(args) {
		return [][]specs.LinuxSeccompArg{args}
	}
	return slices.Collect(slices.Chunk(args, 1))
}

func argsHold(args []specs.LinuxSeccompArg, abi seccompABI, d *seccompData) bool {
	return !slices.ContainsFunc(args, func(a specs.LinuxSeccompArg) bool { return !argHolds(a, abi, d.args[a.Index]) })
}

func argHolds(a specs.LinuxSeccompArg, abi seccompABI, have uint64) bool {
	value, second := a.Value, a.ValueTwo
	if abi.narrow() {
		have, value, second = uint64(uint32(have)), uint64(uint32(value)), uint64(uint32(second))
	}
	switch a.Op {
	case specs.OpEqualTo:
		return have == value
	case specs.OpNotEqual:
		return have != value
	case specs.OpGreaterThan:
		return have > value
	case specs.OpGreaterEqual:
		return have >= value
	case specs.OpLessThan:
		return have < value
	case specs.OpLessEqual:
		return have <= value
	}
	return have&value == second&value
}

// Filters of profiles drawn at random mean what the profiles mean.
func FuzzFilterMeansTheProfile(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		s := randomProfile(rnd)
		goarch := []string{"amd64", "arm64"}[seed%2]
		program := compileFilter(t, s, goarch)
		for range 4000 {
			d := randomCall(rnd, s)
			got, _, err := interpret(program, d)
			if want := reference(s, goarch, d); got != want || err != nil {
				t.Fatalf("seed %d: arch %#x, nr %#x, args %#x: %#x, %v, want %#x", seed, d.arch, d.nr, d.args, got, err, want)
			}
		}
	})
}

func randomProfile(rnd *rand.Rand) *specs.LinuxSeccomp {
	actions := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActKillProcess, specs.ActLog, specs.ActTrap, specs.ActTrace}
	s := &specs.LinuxSeccomp{DefaultAction: actions[rnd.IntN(len(actions))]}
	for _, a := range []specs.Arch{specs.ArchX86, specs.ArchX32, specs.ArchARM, specs.ArchMIPS} {
		if rnd.IntN(2) == 0 {
			s.Architectures = append(s.Architectures, a)
		}
	}
	pool := make([]string, 1+rnd.IntN(60)) // few names make rules meet
	for i := range pool {
		pool[i] = seccompTable[rnd.IntN(len(seccompTable))].name
	}
	pool = append(pool, "socket", "shmget", "socketcall", "no_such_call")
	for range rnd.IntN(40) {
		rule := specs.LinuxSyscall{Action: actions[rnd.IntN(len(actions))]}
		if errno := uint(rnd.IntN(5)); rule.Action == specs.ActErrno && errno > 0 {
			rule.ErrnoRet = &errno
		}
		for range 1 + rnd.IntN(12) {
			rule.Names = append(rule.Names, pool[rnd.IntN(len(pool))])
		}
		for range rnd.IntN(4) {
			rule.Args = append(rule.Args, specs.LinuxSeccompArg{Index: uint(rnd.IntN(6)), Value: randomValue(rnd),
				ValueTwo: randomValue(rnd), Op: randomOperator(rnd)})
		}
		s.Syscalls = append(s.Syscalls, rule)
	}
	return s
}

func randomOperator(rnd *rand.Rand) specs.LinuxSeccompOperator {
	return []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpGreaterThan, specs.OpGreaterEqual,
		specs.OpLessThan, specs.OpLessEqual, specs.OpMaskedEqual}[rnd.IntN(7)]
}

// randomValue is small, in both halves, most of the time, so that conditions hold.
func randomValue(rnd *rand.Rand) uint64 {
	if rnd.IntN(8) == 0 {
		return rnd.Uint64()
	}
	return rnd.Uint64N(4)<<32 | rnd.Uint64N(4)
}

func randomCall(rnd *rand.Rand, s *specs.LinuxSeccomp) *seccompData {
	archs := []uint32{auditX8664, auditI386, auditARM64, auditARM, 7}
	d := &seccompData{arch: archs[rnd.IntN(len(archs))], nr: rnd.Uint32N(600)}
	for i := range d.args {
		d.args[i] = randomValue(rnd)
	}
	if rnd.IntN(2) == 0 {
		d.nr |= x32Bit
	}
	abi, known := abiOfCall(d)
	if !known || len(s.Syscalls) == 0 || rnd.IntN(5) == 0 {
		return d
	}
	names := s.Syscalls[rnd.IntN(len(s.Syscalls))].Names
	name := names[rnd.IntN(len(names))]
	if m := multiplexed(name); m.call != 0 && abi == abiX86 && rnd.IntN(2) == 0 {
		name, d.args[0] = m.name, m.call
	}
	if row := findSyscall(name); row != nil && row.nr[abi] >= 0 {
		d.nr = uint32(row.nr[abi])
	}
	return d
}

func BenchmarkCompileDockersProfile(b *testing.B) {
	s := loadRecorded(b, "docker").Linux.Seccomp
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compileSeccomp(s, "amd64"); err != nil {
			b.Fatal(err)
		}
	}
}
