package nsinit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The filter of an engine lets the init work; one that would not is refused.
func TestInitUnderAFilter(t *testing.T) {
	deny := func(names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActErrno}
	}
	allow := func(names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActAllow}
	}
	few := deny("rt_sigtimedwait")
	few.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 1, Op: specs.OpEqualTo}}
	for name, c := range map[string]struct {
		filter *specs.LinuxSeccomp
		want   string
	}{
		"nothing forbidden":      {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow}, ""},
		"forbidden for some":     {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{few}}, ""},
		"the wait is forbidden":  {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{deny("mount", "rt_sigtimedwait")}}, "rt_sigtimedwait"},
		"what it can do without": {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{deny("rt_sigqueueinfo")}}, ""},
		"execveat is forbidden":  {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{deny("execveat")}}, "execveat"},
		"nothing allowed":        {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{allow("execve", "execveat")}}, "rt_sigprocmask"},
	} {
		spec := minimal()
		spec.Process.NoNewPrivileges, spec.Linux.Seccomp = true, c.filter
		f := testFacts(spec, "amd64")
		in := with(nil)
		f.Init = &in
		_, err := Compile(spec, f)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "does not allow "+c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInitUnderDockersFilter(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "bundles", "testdata", "configs", "docker.json"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := bundles.Decode(text)
	if err != nil || spec.Linux.Seccomp == nil {
		t.Fatalf("no filter, %v", err)
	}
	f := testFacts(spec, "amd64")
	in := with(nil)
	f.Init = &in
	if _, err := Compile(spec, f); err != nil {
		t.Error(err)
	}
}
