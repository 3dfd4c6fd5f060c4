package nsinit

import (
	"encoding/binary"
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
		flags    []specs.LinuxSeccompFlag
		listener bool
		want     uint64
		text     string
	}{
		{nil, false, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
		{[]specs.LinuxSeccompFlag{}, false, 0, ""},
		{[]specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagLog}, false,
			unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_TSYNC|SECCOMP_FILTER_FLAG_LOG"},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, false, 0, ""},
		{[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, true, 1<<5 | 1<<3,
			"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV|SECCOMP_FILTER_FLAG_NEW_LISTENER"},
		{[]specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC"}, true, 1<<0 | 1<<4 | 1<<3,
			"SECCOMP_FILTER_FLAG_TSYNC|SECCOMP_FILTER_FLAG_TSYNC_ESRCH|SECCOMP_FILTER_FLAG_NEW_LISTENER"},
	} {
		if got, text := filterFlags(tc.flags, tc.listener); got != tc.want || text != tc.text {
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

// Of the calls after the filter one is minirun's, and it cannot be trapped.
func TestListenerIsPassedOnAfterTheFilter(t *testing.T) {
	spec := filtered(true)
	spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/run/agent.sock",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActNotify}}}
	p := compileFor(t, spec, "amd64")
	names := calls(p)
	if got := names[len(names)-3:]; !slices.Equal(got, []string{"seccomp", "sendmsg", "execve"}) || !p.Listener {
		t.Errorf("the plan ends in %q, with a listener %t", got, p.Listener)
	}
	at := len(p.Steps) - 2
	iov := p.Steps[at].Op.(Call).Args[1].(Ptr).Data.Relocs[0].To
	if step := binary.LittleEndian.Uint32(iov.Relocs[0].To.Bytes); int(step) != at {
		t.Errorf("it reports step %d, and is step %d", step, at)
	}
	if _, err := Assemble(p); err != nil {
		t.Error(err)
	}
	p.Listener = false
	if err := Lint(p); err == nil || !strings.Contains(err.Error(), "after seccomp") {
		t.Errorf("lint: %v", err)
	}
}

func TestPlain(t *testing.T) {
	rule := func(a specs.LinuxSeccompAction, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: []string{"recvmsg", "sendmsg"}, Action: a, Args: args}
	}
	some := specs.LinuxSeccompArg{Index: 1, Value: 1, Op: specs.OpEqualTo}
	for _, tc := range []struct {
		def   specs.LinuxSeccompAction
		rules []specs.LinuxSyscall
		want  bool
	}{
		{specs.ActAllow, nil, true},
		{specs.ActLog, nil, true},
		{specs.ActErrno, nil, false},
		{specs.ActTrace, nil, false},
		{specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActAllow)}, true},
		{specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActAllow, some)}, false},
		{specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActNotify, some), rule(specs.ActAllow)}, true},
		{specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActNotify)}, false},
		{specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActNotify, some)}, false},
		{specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActLog, some)}, true},
		{specs.ActAllow, []specs.LinuxSyscall{rule(specs.ActAllow), rule(specs.ActErrno)}, false},
		{specs.ActErrno, []specs.LinuxSyscall{rule(specs.ActKill), rule(specs.ActAllow)}, false},
	} {
		if got := plain(&specs.LinuxSeccomp{DefaultAction: tc.def, Syscalls: tc.rules}, "sendmsg"); got != tc.want {
			t.Errorf("%s, %v: %t", tc.def, tc.rules, got)
		}
	}
}
