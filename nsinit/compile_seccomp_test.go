package nsinit

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func filtered(nnp bool) *specs.Spec {
	spec := minimal()
	spec.Process.NoNewPrivileges = nnp
	spec.Process.User.UID = 1000
	spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}}
	spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	return spec
}

// Whoever reads a profile has to think of the program's own calls only.
func TestSeccompIsTheLastStepBeforeExecve(t *testing.T) {
	for _, nnp := range []bool{true, false} {
		names := calls(compileFor(t, filtered(nnp), "amd64"))
		if got := names[len(names)-2:]; !slices.Equal(got, []string{"seccomp", "execve"}) {
			t.Errorf("no_new_privs %t: the plan ends in %q", nnp, got)
		}
		p, err := CompileExec(filtered(nnp), filtered(nnp).Process, testFacts(filtered(nnp), "amd64"), Join{})
		if err != nil {
			t.Fatal(err)
		}
		names = calls(p)
		if got := names[len(names)-2:]; !slices.Equal(got, []string{"seccomp", "execve"}) {
			t.Errorf("no_new_privs %t: exec ends in %q", nnp, got)
		}
	}
}

// The bounding set is without it, and so is the program's after its execve.
func TestSysAdminIsKeptForTheFilterOnly(t *testing.T) {
	for nnp, want := range map[bool]string{true: "effective=0, permitted=0,", false: "effective=CAP_SYS_ADMIN, permitted=CAP_SYS_ADMIN,"} {
		text := printed(t, compileFor(t, filtered(nnp), "amd64"))
		if !strings.Contains(text, "{"+want) {
			t.Errorf("no_new_privs %t: capset is not with %q", nnp, want)
		}
		if !strings.Contains(text, "prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN)") {
			t.Error("the bounding set keeps CAP_SYS_ADMIN")
		}
	}
}

func TestSeccompWithoutPrivilegeIsRefused(t *testing.T) {
	f := testFacts(minimal(), "amd64")
	f.Permitted = 0
	if _, err := Compile(filtered(false), f); err == nil || !strings.Contains(err.Error(), "CAP_SYS_ADMIN") {
		t.Errorf("got %v", err)
	}
	if _, err := Compile(filtered(true), f); err != nil {
		t.Error(err)
	}
}

func TestFilterFlags(t *testing.T) {
	for _, tc := range []struct {
		flags []specs.LinuxSeccompFlag
		want  uint64
		text  string
	}{
		{nil, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
		{[]specs.LinuxSeccompFlag{}, 0, ""},
		{[]specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagLog},
			unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_TSYNC|SECCOMP_FILTER_FLAG_LOG"},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, 0, ""},
	} {
		if got, text := filterFlags(tc.flags); got != tc.want || text != tc.text {
			t.Errorf("%q: %#x, %q", tc.flags, got, text)
		}
	}
}

// A profile that is too long for the kernel is refused by name.
func TestTooLongFilterIsRefused(t *testing.T) {
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	for i := range uint64(2000) {
		s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{Names: []string{"ioctl"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Index: 1, Value: i, Op: specs.OpEqualTo}}})
	}
	if _, err := compileSeccomp(s, "amd64"); err == nil || !strings.Contains(err.Error(), "instructions") {
		t.Errorf("got %v", err)
	}
}
