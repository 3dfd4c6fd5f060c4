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

// The kernel reaps where it keeps exit statuses, and where nothing forbids the
// calls and the descriptors that this takes.
func TestInitLeavesTheReapingToTheKernel(t *testing.T) {
	rule := func(action specs.LinuxSeccompAction, args []specs.LinuxSeccompArg, names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: action, Args: args}
	}
	some := []specs.LinuxSeccompArg{{Index: 1, Value: 1, Op: specs.OpEqualTo}}
	allowed := func(rules ...specs.LinuxSyscall) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: rules}
	}
	for name, c := range map[string]struct {
		old     bool
		filter  *specs.LinuxSeccomp
		files   uint64
		passed  int
		watches bool
	}{
		"an old kernel":               {old: true},
		"a new kernel":                {watches: true},
		"a filter that allows all":    {filter: allowed(), watches: true},
		"a call that is refused":      {filter: allowed(rule(specs.ActErrno, nil, "signalfd4"))},
		"a call that may be refused":  {filter: allowed(rule(specs.ActErrno, some, "ioctl"))},
		"allowed for some, and else":  {filter: allowed(rule(specs.ActAllow, some, "ioctl")), watches: true},
		"few descriptors":             {files: 7},
		"enough descriptors":          {files: 8, watches: true},
		"few beside those preserved":  {files: 12, passed: 5},
		"many beside those preserved": {files: 13, passed: 5, watches: true},
	} {
		spec := minimal()
		spec.Process.NoNewPrivileges, spec.Linux.Seccomp = true, c.filter
		if c.files > 0 {
			spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: c.files, Hard: 64}}
		}
		f := testFacts(spec, "amd64")
		f.ExitInfo, f.PreserveFDs = !c.old, c.passed
		calls := map[string]bool{}
		for _, s := range initPlanWith(t, spec, f, with(nil)).Init.Steps {
			if c, ok := s.Op.(Call); ok {
				calls[c.Name] = true
			}
		}
		if calls["ppoll"] != c.watches || calls["rt_sigqueueinfo"] == c.watches {
			t.Errorf("%s: calls %v", name, calls)
		}
	}
}
