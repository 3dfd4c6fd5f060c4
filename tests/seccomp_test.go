package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/nsinit"
	"minirun/tests/rig"
)

// tried runs one system call in a container with the profile: the exit code
// is its errno, 0, or 128+n for the signal that ended the program.
func tried(t *testing.T, s *specs.LinuxSeccomp, name string, args ...nsinit.Arg) rig.Result {
	t.Helper()
	c := rig.New(t).Container(rig.Args("/prog"), seccomp(s))
	p, result := &program{}, &nsinit.Cell{Name: "result"}
	on := make([]nsinit.On, 0, 133)
	for errno := unix.Errno(1); errno <= 133; errno++ {
		on = append(on, nsinit.On{Errno: errno})
	}
	p.Do(nsinit.Call{Name: name, Args: args, Result: result, On: on})
	p.Do(nsinit.If{Cell: result, Cmp: nsinit.Lt, Value: rig.Number(0), To: "failed"})
	p.Call("exit_group", rig.Number(0))
	p.Do(nsinit.Set{Cell: result, A: rig.Number(0), Fn: nsinit.Sub, B: nsinit.Val{Cell: result}}, "failed")
	p.Call("exit_group", nsinit.Val{Cell: result})
	p.build(c)
	return c.Run()
}

func seccomp(s *specs.LinuxSeccomp) rig.Mod {
	return func(spec *specs.Spec) { spec.Linux.Seccomp = s }
}

func profile(def specs.LinuxSeccompAction, rules ...specs.LinuxSyscall) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: def, Syscalls: rules}
}

func rule(action specs.LinuxSeccompAction, name string, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: action, Args: args}
}

func errnoRule(errno uint, name string, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: []string{name}, Action: specs.ActErrno, ErrnoRet: &errno, Args: args}
}

func argument(index uint, op specs.LinuxSeccompOperator, value, second uint64) specs.LinuxSeccompArg {
	return specs.LinuxSeccompArg{Index: index, Op: op, Value: value, ValueTwo: second}
}

// query asks for the personality, which is 0 and changes nothing.
const query = 0xffffffff

func TestSeccompActions(t *testing.T) {
	killed := 128 + int(unix.SIGSYS)
	for name, tc := range map[string]struct {
		rule specs.LinuxSyscall
		want int
	}{
		"ERRNO is EPERM":     {rule(specs.ActErrno, "personality"), int(unix.EPERM)},
		"ERRNO, errnoRet":    {errnoRule(uint(unix.EXFULL), "personality"), int(unix.EXFULL)},
		"ERRNO 0 is success": {errnoRule(0, "personality"), 0},
		"KILL":               {rule(specs.ActKill, "personality"), killed},
		"KILL_THREAD":        {rule(specs.ActKillThread, "personality"), killed},
		"KILL_PROCESS":       {rule(specs.ActKillProcess, "personality"), killed},
		"TRAP":               {rule(specs.ActTrap, "personality"), killed},
		"LOG":                {rule(specs.ActLog, "personality"), 0},
		"TRACE, no tracer":   {rule(specs.ActTrace, "personality"), int(unix.ENOSYS)},
		"another call":       {rule(specs.ActKill, "setdomainname"), 0},
		"an unknown name":    {rule(specs.ActKill, "no_such_call"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if x := tried(t, profile(specs.ActAllow, tc.rule), "personality", rig.Number(query)); x.Code != tc.want {
				t.Errorf("code %d, not %d: %s", x.Code, tc.want, x.Stderr)
			}
		})
	}
}

// A profile that allows nothing but what the program does is enough: the
// filter is loaded last, whether no_new_privs is wanted or not.
func TestSeccompNeedsNoRuleForTheRuntime(t *testing.T) {
	errno := uint(unix.EXFULL)
	only := profile(specs.ActErrno, rule(specs.ActAllow, "execve"), rule(specs.ActAllow, "exit_group"))
	only.DefaultErrnoRet = &errno
	for _, nnp := range []bool{true, false} {
		for _, uid := range []uint32{0, 1000} {
			r := rig.New(t)
			r.Finding(rig.Runc, "its own system calls after the filter have to be allowed")
			r.Finding(rig.Crun, "its own system calls after the filter have to be allowed")
			c := r.Container(rig.Args("/prog"), seccomp(only), func(s *specs.Spec) {
				s.Process.NoNewPrivileges, s.Process.User.UID = nnp, uid
			})
			p := &program{}
			p.Do(nsinit.Call{Name: "personality", Args: []nsinit.Arg{rig.Number(query)}, On: []nsinit.On{{Errno: unix.EXFULL, To: "denied"}}})
			p.Call("exit_group", rig.Number(3))
			p.Do(nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{rig.Number(7)}}, "denied")
			p.build(c)
			if x := c.Run(); x.Code != 7 {
				t.Errorf("no_new_privs %t, uid %d: code %d: %s", nnp, uid, x.Code, x.Stderr)
			}
		}
	}
}

// To load the filter minirun keeps CAP_SYS_ADMIN up to the execve, and not longer.
func TestSeccompLeavesCapabilitiesAsTheyAre(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		status := func(s *specs.LinuxSeccomp) string {
			return inside(t, rig.Sh("grep ^Cap /proc/self/status"), seccomp(s), func(spec *specs.Spec) {
				spec.Process.NoNewPrivileges, spec.Process.User.UID = false, uid
				caps := []string{"CAP_CHOWN", "CAP_NET_RAW"}
				spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps,
					Inheritable: caps[:1], Ambient: caps[:1]}
			})
		}
		if with, without := status(profile(specs.ActAllow)), status(nil); with != without {
			t.Errorf("uid %d: with a filter\n%s\nwithout\n%s", uid, with, without)
		}
	}
}

func TestSeccompStatus(t *testing.T) {
	for _, nnp := range []bool{true, false} {
		status := inside(t, rig.Sh("cat /proc/self/status"), seccomp(profile(specs.ActAllow)),
			func(s *specs.Spec) { s.Process.NoNewPrivileges = nnp })
		want := map[bool]string{true: "1", false: "0"}[nnp]
		if rig.Field(status, "Seccomp") != "2" || rig.Field(status, "Seccomp_filters") != "1" || rig.Field(status, "NoNewPrivs") != want {
			t.Errorf("noNewPrivileges %t: %s", nnp, status)
		}
	}
}

func TestSeccompFlagsAreTaken(t *testing.T) {
	for _, flags := range [][]specs.LinuxSeccompFlag{
		nil, {}, {specs.LinuxSeccompFlagLog}, {"SECCOMP_FILTER_FLAG_TSYNC"},
		{specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, "SECCOMP_FILTER_FLAG_TSYNC"},
	} {
		s := profile(specs.ActAllow, rule(specs.ActErrno, "personality"))
		s.Flags = flags
		if x := tried(t, s, "personality", rig.Number(query)); x.Code != int(unix.EPERM) {
			t.Errorf("%q: code %d: %s", flags, x.Code, x.Stderr)
		}
	}
}

func TestSeccompComparesArguments(t *testing.T) {
	const denied = int(unix.EXFULL)
	deny := func(name string, args ...specs.LinuxSeccompArg) *specs.LinuxSeccomp {
		return profile(specs.ActAllow, errnoRule(uint(unix.EXFULL), name, args...))
	}
	const big = 0x1_0000_0005 // more than 32 bits: madvise(big, 0, 0) is EINVAL, for it is odd
	for _, tc := range []struct {
		name string
		s    *specs.LinuxSeccomp
		call string
		args []nsinit.Arg
		want int
	}{
		{"socket, family", deny("socket", argument(0, specs.OpEqualTo, unix.AF_UNIX, 0)), "socket", []nsinit.Arg{rig.Number(unix.AF_UNIX), rig.Number(unix.SOCK_STREAM), rig.Number(0)}, denied},
		{"socket, another family", deny("socket", argument(0, specs.OpEqualTo, unix.AF_UNIX, 0)), "socket", []nsinit.Arg{rig.Number(unix.AF_INET), rig.Number(unix.SOCK_STREAM), rig.Number(0)}, 0},
		{"socket, all of two", deny("socket", argument(0, specs.OpEqualTo, unix.AF_INET, 0), argument(1, specs.OpMaskedEqual, 0xf, unix.SOCK_DGRAM)), "socket", []nsinit.Arg{rig.Number(unix.AF_INET), rig.Number(unix.SOCK_DGRAM | unix.SOCK_CLOEXEC), rig.Number(0)}, denied},
		{"socket, one of two", deny("socket", argument(0, specs.OpEqualTo, unix.AF_INET, 0), argument(1, specs.OpMaskedEqual, 0xf, unix.SOCK_DGRAM)), "socket", []nsinit.Arg{rig.Number(unix.AF_INET), rig.Number(unix.SOCK_STREAM), rig.Number(0)}, 0},
		{"clone, masked", deny("clone", argument(0, specs.OpMaskedEqual, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER)), "clone", []nsinit.Arg{rig.Number(unix.CLONE_NEWUSER | int(unix.SIGCHLD)), rig.Number(0), rig.Number(0), rig.Number(0), rig.Number(0)}, denied},
		{"clone, masked, not set", deny("clone", argument(0, specs.OpMaskedEqual, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER)), "clone", []nsinit.Arg{rig.Number(int(unix.SIGCHLD)), rig.Number(0), rig.Number(0), rig.Number(0), rig.Number(0)}, 0},
		{"64 bits, equal", deny("madvise", argument(0, specs.OpEqualTo, big, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, denied},
		{"64 bits, low half equal", deny("madvise", argument(0, specs.OpEqualTo, 5, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, int(unix.EINVAL)},
		{"64 bits, not equal", deny("madvise", argument(0, specs.OpNotEqual, 5, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, denied},
		{"64 bits, greater", deny("madvise", argument(0, specs.OpGreaterThan, 0xffffffff, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, denied},
		{"64 bits, not greater", deny("madvise", argument(0, specs.OpGreaterThan, big, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, int(unix.EINVAL)},
		{"64 bits, greater or equal", deny("madvise", argument(0, specs.OpGreaterEqual, big, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, denied},
		{"64 bits, less", deny("madvise", argument(0, specs.OpLessThan, 1<<33, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, denied},
		{"64 bits, not less or equal", deny("madvise", argument(0, specs.OpLessEqual, big-1, 0)), "madvise", []nsinit.Arg{rig.Number(big), rig.Number(0), rig.Number(0)}, int(unix.EINVAL)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if x := tried(t, tc.s, tc.call, tc.args...); x.Code != tc.want {
				t.Errorf("code %d, not %d: %s", x.Code, tc.want, x.Stderr)
			}
		})
	}
}

// An exec has the container's filter, with its own capabilities.
func TestSeccompHoldsForExec(t *testing.T) {
	for _, nnp := range []bool{true, false} {
		c := rig.New(t).Container(seccomp(profile(specs.ActAllow, errnoRule(uint(unix.EXFULL), "mkdir"), errnoRule(uint(unix.EXFULL), "mkdirat"))),
			func(s *specs.Spec) { s.Process.NoNewPrivileges = nnp })
		c.MustCreate()
		c.MustStart()
		x := c.Do("exec", c.ID, "sh", "-c", "grep ^Seccomp: /proc/self/status; mkdir /tmp/d 2>&1")
		if !strings.Contains(x.Stdout, "\t2\n") || !strings.Contains(x.Stdout, "Exchange full") {
			t.Errorf("no_new_privs %t: code %d: %s%s", nnp, x.Code, x.Stdout, x.Stderr)
		}
		c.MustDelete("--force")
	}
}

// The profiles that docker and podman really sent. They deny unshare to who
// has no CAP_SYS_ADMIN, and allow all that a shell does.
func TestSeccompProfilesOfEngines(t *testing.T) {
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "bundles", "testdata", "configs", engine+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var recorded specs.Spec
			if err := json.Unmarshal(text, &recorded); err != nil {
				t.Fatal(err)
			}
			script := "(echo a; ls / | head -1 | sort) | wc -l; unshare -m true 2>&1; chroot / true && echo root"
			got := inside(t, func(s *specs.Spec) {
				s.Linux.Seccomp = recorded.Linux.Seccomp
				p := recorded.Process
				p.Args, p.Terminal, p.Env = []string{"sh", "-c", script}, false, s.Process.Env
				s.Process = p
			})
			if want := "2\nunshare: unshare(0x20000): Operation not permitted\nroot"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
