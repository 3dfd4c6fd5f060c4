package runtime

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

func TestUserIsParsedStrictly(t *testing.T) {
	for _, tt := range []struct {
		text     string
		uid, gid uint32
		both, ok bool
	}{
		{"0", 0, 0, false, true}, {"1", 1, 0, false, true}, {"0:5", 0, 5, true, true},
		{"4294967294:4294967294", 4294967294, 4294967294, true, true},
		{text: ""}, {text: ":"}, {text: ":5"}, {text: "5:"}, {text: "+1"}, {text: "-1"}, {text: "01"}, {text: "1:01"},
		{text: "4294967295"}, {text: "4294967296"}, {text: "1:4294967295"}, {text: "root"}, {text: "1:2:3"}, {text: "1_0"}, {text: " 1"},
	} {
		uid, gid, err := ParseUser(tt.text)
		if (err == nil) != tt.ok || uid != tt.uid || (gid != nil) != tt.both || gid != nil && *gid != tt.gid {
			t.Errorf("%q: %d, %v, %v", tt.text, uid, gid, err)
		}
	}
}

func FuzzParseUser(f *testing.F) {
	for _, seed := range []string{"0", "1:2", ":5", "+1", "01", "4294967295"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		uid, gid, err := ParseUser(text)
		if err != nil {
			return
		}
		back := strconv.FormatUint(uint64(uid), 10)
		if gid != nil {
			back += ":" + strconv.FormatUint(uint64(*gid), 10)
		}
		if back != text {
			t.Errorf("%q was read as %q", text, back)
		}
	})
}

func TestFlagsChangeTheProcess(t *testing.T) {
	p := specs.Process{Args: []string{"init"}, Cwd: "/", Terminal: true, Env: []string{"A=1"}, User: specs.User{UID: 3, GID: 4}}
	off := false
	p.NoNewPrivileges = true
	o := ExecOptions{Args: []string{"sh"}, Env: []string{"B=2"}, User: "7", AdditionalGids: []uint32{9}, Caps: []string{"CAP_KILL"}, NoNewPrivileges: &off, Cwd: "/srv"}
	if err := o.change(&p); err != nil {
		t.Fatal(err)
	}
	if p.Terminal || p.NoNewPrivileges || p.Cwd != "/srv" || !slices.Equal(p.Args, []string{"sh"}) || !slices.Equal(p.Env, []string{"A=1", "B=2"}) {
		t.Errorf("%+v", p)
	}
	if p.User.UID != 7 || p.User.GID != 4 || !slices.Equal(p.User.AdditionalGids, []uint32{9}) {
		t.Errorf("user %+v", p.User)
	}
	want := []string{"CAP_KILL"}
	if c := p.Capabilities; !slices.Equal(c.Bounding, want) || !slices.Equal(c.Effective, want) || !slices.Equal(c.Permitted, want) || c.Inheritable != nil || c.Ambient != nil {
		t.Errorf("capabilities %+v", p.Capabilities)
	}
	for _, bad := range []ExecOptions{{}, {Args: []string{"x"}, Cwd: "relative"}, {Args: []string{"x"}, Caps: []string{"CAP_NO"}}, {Args: []string{"x"}, Env: []string{"novalue"}}} {
		fresh := specs.Process{Cwd: "/"}
		if err := bad.change(&fresh); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestSubgroups(t *testing.T) {
	paths := map[string]string{"pids": "/cg/pids/c", "cpu": "/cg/cpu/c", "": "/cg/unified/c"}
	for _, tt := range []struct {
		flags []string
		want  map[string]string // nil: refused
	}{
		{nil, paths},
		{[]string{"a/b"}, map[string]string{"pids": "/cg/pids/c/a/b", "cpu": "/cg/cpu/c/a/b", "": "/cg/unified/c/a/b"}},
		{[]string{"/"}, paths},
		{[]string{"pids:/a"}, map[string]string{"pids": "/cg/pids/c/a", "cpu": "/cg/cpu/c", "": "/cg/unified/c"}},
		{[]string{"pids,cpu:a"}, map[string]string{"pids": "/cg/pids/c/a", "cpu": "/cg/cpu/c/a", "": "/cg/unified/c"}},
		{[]string{"pids:a", "cpu:b"}, map[string]string{"pids": "/cg/pids/c/a", "cpu": "/cg/cpu/c/b", "": "/cg/unified/c"}},
		{[]string{"a", "b"}, nil}, {[]string{"pids:a", "pids:b"}, nil}, {[]string{"memory:a"}, nil}, {[]string{"pids:a:b"}, nil},
		{[]string{".."}, nil}, {[]string{"pids:../cc"}, nil}, {[]string{"a/../../x"}, nil},
	} {
		got, err := subgroups(paths, tt.flags)
		if (err == nil) != (tt.want != nil) || !maps.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v", tt.flags, got, err)
		}
	}
}

func TestWordsOfAFailedExec(t *testing.T) {
	for _, tt := range []struct {
		step *StepError
		want string
	}{
		{&StepError{Message: `exec: "x": permission denied`, Errno: unix.EACCES}, `exec failed: unable to start container process: exec: "x": permission denied`},
		{&StepError{Why: "chdir: process.cwd", Errno: unix.ENOENT}, `exec failed: unable to start container process: chdir to cwd ("/d") set in config.json failed: no such file or directory`},
		{&StepError{Step: 3, Of: 9, Why: "capset: process.capabilities", Errno: unix.EPERM}, `exec failed: unable to start container process: step 3 of 9: capset: process.capabilities: operation not permitted`},
	} {
		err := error(&ExecError{execWords(tt.step, "/d")})
		if err.Error() != tt.want || !errors.Is(err, tt.step.Errno) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	if err := (&FullError{cgroups.PidsStat{Current: 20, Max: 20}}); !errors.Is(err, unix.EAGAIN) || !strings.Contains(err.Error(), "pids.max 20 reached (20 of 20") {
		t.Error(err)
	}
}

func TestADyingInitIsKnownByTheStep(t *testing.T) {
	for _, tt := range []struct {
		step StepError
		want bool
	}{
		{StepError{Why: "setns: x", Errno: unix.ESRCH}, true}, {StepError{Why: "setns: x", Errno: unix.EPERM}, false},
		{StepError{Why: "clone3: x", Forks: true, Errno: unix.ENOMEM}, true}, {StepError{Why: "clone3: x", Forks: true, Errno: unix.EAGAIN}, false},
		{StepError{Why: "mmap: x", Errno: unix.ENOMEM}, false},
	} {
		if got := dying(&tt.step); got != tt.want {
			t.Errorf("%+v: %v", tt.step, got)
		}
	}
}

func TestNeverExecuted(t *testing.T) {
	const head, tail = "77 (a) b) Z 1 77 77 0 -1 ", " 0 0 0 0"
	for flags, want := range map[string]bool{"4194368": true, "64": true, "4194304": false, "0": false, "x": false} {
		if got := neverExecuted(head + flags + tail); got != want {
			t.Errorf("flags %s: %v", flags, got)
		}
	}
	if neverExecuted("77 (a) Z") {
		t.Error("a short line")
	}
}
