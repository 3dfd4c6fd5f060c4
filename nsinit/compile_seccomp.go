package nsinit

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// seccomp loads linux.seccomp as the last step before the execve, so that a
// profile has to allow nothing but what the program itself does, and execve.
//
// The kernel takes a filter from a process with no_new_privs or CAP_SYS_ADMIN
// (seccomp_prepare_filter, kernel/seccomp.c). Where config.json does not want
// the first, the process keeps the second up to here, above the capabilities
// that it is to have (filterCaps). The execve ends that: it computes the
// program's sets from the inheritable, bounding and ambient ones, which do not
// have it, and from the file's; the permitted set before counts for nothing
// (cap_bprm_creds_from_file, security/commoncap.c).
func (b *builder) seccomp() {
	s := b.profile()
	if s == nil {
		return
	}
	program, err := compileSeccomp(s, b.facts.Arch)
	if err != nil {
		b.fail("%w", err)
		return
	}
	// struct sock_fprog: the number of instructions, and their address.
	prog := &Data{Bytes: make([]byte, 16), Text: fmt.Sprintf("{%s, %d rules}", s.DefaultAction, len(s.Syscalls))}
	binary.LittleEndian.PutUint16(prog.Bytes, uint16(len(program)/8))
	prog.Relocs = []Reloc{{Off: 8, To: &Data{Bytes: program}}}
	b.plan.Listener = bundles.Notifies(s)
	flags, text := filterFlags(s.Flags, b.plan.Listener)
	load := Call{Name: "seccomp", Args: []Arg{sym(unix.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"), sym(flags, text), Ptr{Data: prog}}}
	if b.plan.Listener {
		b.listen(load, s)
		return
	}
	b.do("linux.seccomp", load)
}

// profile is linux.seccomp; nil without. For exec it is the container's.
func (b *builder) profile() *specs.LinuxSeccomp { return b.spec.Linux.Seccomp }

// filterCaps adds to the process's capabilities what loading a filter takes.
func (b *builder) filterCaps(s capSets) capSets {
	if b.profile() == nil || b.spec.Process.NoNewPrivileges {
		return s
	}
	const admin = 1 << unix.CAP_SYS_ADMIN
	if b.facts.Permitted&admin == 0 {
		b.fail("linux.seccomp: it takes CAP_SYS_ADMIN, which minirun does not have, or process.noNewPrivileges: %w", unix.EACCES)
	}
	s.permitted |= admin
	s.effective |= admin
	return s
}

// filterFlags are SECCOMP_FILTER_FLAG_*. Without linux.seccomp.flags it is
// SPEC_ALLOW alone, as in runc; an empty list is none. WAIT_KILLABLE_RECV is
// for a listener's filter, and the kernel refuses it on another; beside a
// listener it takes TSYNC only with TSYNC_ESRCH, because the result is a
// descriptor then and not the thread that could not follow.
func filterFlags(flags []specs.LinuxSeccompFlag, listener bool) (uint64, string) {
	if flags == nil {
		flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}
	}
	var bits uint64
	var names []string
	if listener {
		if slices.Contains(flags, flagTsync) {
			flags = append(slices.Clip(flags), "SECCOMP_FILTER_FLAG_TSYNC_ESRCH")
		}
		flags = append(slices.Clip(flags), "SECCOMP_FILTER_FLAG_NEW_LISTENER")
	}
	for _, f := range flags {
		bit := filterFlag(f)
		if f == specs.LinuxSeccompFlagWaitKillableRecv && !listener {
			bit = 0
		}
		if bit != 0 && bits&bit == 0 {
			names = append(names, string(f))
		}
		bits |= bit
	}
	return bits, strings.Join(names, "|")
}

// flagTsync has no constant in runtime-spec's package.
const flagTsync = "SECCOMP_FILTER_FLAG_TSYNC"

func filterFlag(f specs.LinuxSeccompFlag) uint64 {
	switch f {
	case flagTsync:
		return unix.SECCOMP_FILTER_FLAG_TSYNC
	case "SECCOMP_FILTER_FLAG_TSYNC_ESRCH":
		return unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	case "SECCOMP_FILTER_FLAG_NEW_LISTENER":
		return unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	case specs.LinuxSeccompFlagWaitKillableRecv:
		return unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	case specs.LinuxSeccompFlagLog:
		return unix.SECCOMP_FILTER_FLAG_LOG
	case specs.LinuxSeccompFlagSpecAllow:
		return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	}
	return 0
}
