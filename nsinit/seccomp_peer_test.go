package nsinit

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The programs in testdata/seccomp are runc's, with libseccomp; the README
// there says how they were taken. Ours must return the same for every system
// call, known or not, on every architecture.
func TestFilterAgreesWithRunc(t *testing.T) {
	for _, name := range []string{"docker", "podman"} {
		t.Run(name, func(t *testing.T) {
			peer := readProgram(t, name+".runc.bpf")
			agree(t, loadRecorded(t, name).Linux.Seccomp, "amd64", peer, func(*seccompData) bool { return true })
		})
	}
}

// libseccomp's own programs have no ENOSYS for newer system calls, which is
// runc's, and take every number of a machine's second architecture for the
// profile of the first. So what is newer than the profile is left out here.
func TestFilterAgreesWithLibseccompOnARM(t *testing.T) {
	for _, name := range []string{"docker", "podman"} {
		t.Run(name, func(t *testing.T) {
			s := loadRecorded(t, name).Linux.Seccomp
			s.Architectures = []specs.Arch{specs.ArchAARCH64, specs.ArchARM}
			enosys := seccompErrno(unix.ENOSYS)
			ours := compileFilter(t, s, "arm64")
			agree(t, s, "arm64", readProgram(t, name+".arm.bpf"), func(d *seccompData) bool {
				action, _, _ := interpret(ours, d)
				return action != enosys && nameOf(d.arch, d.nr) != "sync_file_range2"
			})
		})
	}
}

func seccompErrno(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

// arguments.json has conditions of every kind, drawn at random, with one
// action for each system call: where several rules hold, any of them may.
// Where rules compare one argument to several bounds, libseccomp 2.5.4 gets
// three of the system calls wrong: close(2) with a third argument above 0 is
// to be trapped, and it lets some through. There the profile's words decide.
func TestFilterAgreesWithLibseccompOnArguments(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "seccomp", "arguments.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		goarch, peer string
		archs        []specs.Arch
	}{
		{"amd64", "arguments.x86.bpf", []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}},
		{"arm64", "arguments.arm.bpf", []specs.Arch{specs.ArchAARCH64, specs.ArchARM}},
	} {
		t.Run(tc.goarch, func(t *testing.T) {
			s := &specs.LinuxSeccomp{}
			if err := json.Unmarshal(text, s); err != nil {
				t.Fatal(err)
			}
			s.Architectures = tc.archs
			wrong := []string{"close", "futex", "setns"}
			agree(t, s, tc.goarch, readProgram(t, tc.peer), func(d *seccompData) bool {
				return !slices.Contains(wrong, nameOf(d.arch, d.nr))
			})
			ours := compileFilter(t, s, tc.goarch)
			for d := range systemCalls(s, tc.goarch) {
				if got, _, _ := interpret(ours, d); got != reference(s, tc.goarch, d) {
					t.Fatalf("arch %#x, nr %#x, args %#x: %#x", d.arch, d.nr, d.args, got)
				}
			}
		})
	}
}

func readProgram(t testing.TB, file string) []byte {
	t.Helper()
	program, err := os.ReadFile(filepath.Join("testdata", "seccomp", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFilter(program); err != nil {
		t.Fatal(file, err)
	}
	return program
}

func compileFilter(t testing.TB, s *specs.LinuxSeccomp, goarch string) []byte {
	t.Helper()
	program, err := compileSeccomp(s, goarch)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFilter(program); err != nil {
		t.Fatal(err)
	}
	return program
}

// agree runs our program and the peer's over what matters of the machine.
func agree(t *testing.T, s *specs.LinuxSeccomp, goarch string, peer []byte, want func(*seccompData) bool) {
	t.Helper()
	ours := compileFilter(t, s, goarch)
	failures, cases, ourSteps, peerSteps := 0, 0, 0, 0
	for d := range systemCalls(s, goarch) {
		if !want(d) {
			continue
		}
		cases++
		a, n, err := interpret(ours, d)
		if err != nil {
			t.Fatal(err)
		}
		b, m, err := interpret(peer, d)
		if err != nil {
			t.Fatal(err)
		}
		ourSteps, peerSteps = ourSteps+n, peerSteps+m
		if a != b {
			if failures++; failures <= 20 {
				t.Errorf("arch %#x, nr %#x, args %#x: %#x, and the peer %#x", d.arch, d.nr, d.args, a, b)
			}
		}
	}
	t.Logf("%d cases, %d differ; ours has %d instructions and takes %.1f a call, the peer %d and %.1f",
		cases, failures, len(ours)/8, float64(ourSteps)/float64(cases), len(peer)/8, float64(peerSteps)/float64(cases))
}

// systemCalls are every number up to past the highest, some far above, and on
// each the arguments at which a condition of the profile may change its mind.
func systemCalls(s *specs.LinuxSeccomp, goarch string) func(func(*seccompData) bool) {
	values := argumentValues(s)
	rnd := rand.New(rand.NewPCG(1, 2))
	return func(yield func(*seccompData) bool) {
		for _, arch := range []uint32{auditX8664, auditI386, auditARM64, auditARM, 0, 0x1234} {
			for _, nr := range numbers(arch) {
				for _, v := range values[nameOf(arch, nr)] {
					d := &seccompData{nr: nr, arch: arch, args: v}
					if !yield(d) {
						return
					}
				}
				d := &seccompData{nr: nr, arch: arch}
				for i := range d.args {
					d.args[i] = rnd.Uint64() >> rnd.UintN(64)
				}
				if !yield(d) {
					return
				}
			}
		}
	}
}

func numbers(arch uint32) []uint32 {
	var all []uint32
	for nr := range uint32(1024) {
		all = append(all, nr)
		if arch == auditX8664 {
			all = append(all, nr|x32Bit)
		}
	}
	for nr := uint32(0xf0000); nr < 0xf0010; nr++ {
		all = append(all, nr)
	}
	return append(all, x32Bit-1, ^uint32(0))
}

// nameOf is what a number means, "" for nothing.
func nameOf(arch, nr uint32) string {
	abi := map[uint32]seccompABI{auditX8664: abiX8664, auditI386: abiX86, auditARM64: abiARM64, auditARM: abiARM}[arch]
	if arch == auditX8664 && nr&x32Bit != 0 {
		abi = abiX32
	}
	for _, row := range seccompTable {
		if row.nr[abi] == int32(nr) {
			return row.name
		}
	}
	return ""
}

// argumentValues maps each system call that has conditions, and the
// multiplexers, to arguments around the conditions' values.
func argumentValues(s *specs.LinuxSeccomp) map[string][][6]uint64 {
	sets := map[string][6][]uint64{}
	for _, rule := range s.Syscalls {
		for _, name := range rule.Names {
			set := sets[name]
			for _, a := range rule.Args {
				set[a.Index] = append(set[a.Index], around(a.Value, a.ValueTwo)...)
			}
			sets[name] = set
			if m := multiplexed(name); m.call != 0 {
				mux := sets[m.name]
				for i := 1; i < 6; i++ {
					mux[i] = append(mux[i], set[i]...)
				}
				mux[0] = append(mux[0], m.call)
				sets[m.name] = mux
			}
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	values := map[string][][6]uint64{}
	for name, set := range sets {
		n := 0
		for i := range set {
			slices.Sort(set[i])
			set[i] = slices.Compact(set[i])
			n += len(set[i])
		}
		for range min(20*n, 3000) {
			var v [6]uint64
			for i := range v {
				if len(set[i]) > 0 {
					v[i] = set[i][rnd.IntN(len(set[i]))]
				}
			}
			values[name] = append(values[name], v)
		}
	}
	return values
}

func around(values ...uint64) []uint64 {
	var all []uint64
	for _, v := range values {
		all = append(all, v, v-1, v+1, ^v, v|1<<32, v|1<<63, v<<32, v>>32, v&(v-1), v|0xff, uint64(uint32(v)))
	}
	return append(all, values[0]&values[1], values[0]|values[1], values[0]^values[1], 0)
}

// The newest system calls are not in a profile that is older: a C library
// must learn that they are not there, not that it may not have them.
func TestNewerSystemCallsAreNotThere(t *testing.T) {
	for _, tc := range []struct {
		def  specs.LinuxSeccompAction
		want uint32
	}{
		{specs.ActErrno, 0x50000 | 38}, {specs.ActKill, 0x50000 | 38}, {specs.ActTrap, 0x50000 | 38},
		{specs.ActAllow, 0x7fff0000}, {specs.ActLog, 0x7ffc0000}, {specs.ActTrace, 0x7ff00001},
	} {
		program := compileFilter(t, &specs.LinuxSeccomp{DefaultAction: tc.def,
			Syscalls: []specs.LinuxSyscall{{Names: []string{"faccessat2"}, Action: specs.ActLog}}}, "amd64")
		if got, _, err := interpret(program, &seccompData{arch: auditX8664, nr: 452}); got != tc.want || err != nil {
			t.Errorf("%s: %#x, %v, want %#x", tc.def, got, err, tc.want)
		}
	}
}
