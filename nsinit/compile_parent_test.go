package nsinit

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func boundPlan(t *testing.T, change func(*specs.Spec), in *Init) (*Plan, error) {
	t.Helper()
	spec := minimal()
	if change != nil {
		change(spec)
	}
	f := testFacts(spec, "amd64")
	f.Wait, f.Init, f.DieWithParent = false, in, true
	f.SELinux, f.AppArmor = true, "attr/apparmor/exec"
	p, err := Compile(spec, f)
	if err == nil {
		err = Lint(p)
	}
	return p, err
}

func kinds(p *Plan) (list []string) {
	for _, s := range p.Steps {
		if c, ok := s.Op.(Call); ok {
			list = append(list, kindOf(c))
		}
	}
	return list
}

// The signal is armed by whoever will be PID 1 to the end, once.
func TestTheDeathOfTheParentIsArmedByPIDOne(t *testing.T) {
	in := with(nil)
	for _, init := range []*Init{nil, &in} {
		p, err := boundPlan(t, nil, init)
		if err != nil {
			t.Fatal(err)
		}
		program := slices.Contains(kinds(p), "PR_SET_PDEATHSIG")
		if program != (init == nil) {
			t.Errorf("built-in init %v: armed by the image: %v", init != nil, program)
		}
		if init != nil && !slices.Contains(kinds(p.Init), "PR_SET_PDEATHSIG") {
			t.Error("not armed by the built-in init")
		}
	}
}

// A parent that ended before the signal was armed is noticed by its end of the pipe.
func TestAParentThatHasEndedBeforeIsNoticed(t *testing.T) {
	in := with(nil)
	plan, err := boundPlan(t, nil, &in)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		revents byte
		errno   unix.Errno // of the first ppoll
		forks   bool
	}{"there": {0, 0, true}, "there, seen at the second look": {0, unix.EINTR, true}, "gone": {unix.POLLERR, 0, false}} {
		var calls []string
		Emulate(plan.Init, func(_ int, name string, args []uint64, mem Memory) int64 {
			first := !slices.Contains(calls, name)
			calls = append(calls, name)
			switch {
			case name == "getpid":
				return 1
			case name == "ppoll" && first && c.errno != 0:
				return -int64(c.errno)
			case name == "ppoll":
				mem.Bytes(args[0]+6, 2)[0] = c.revents
			case name == "clone":
				return -int64(unix.EAGAIN) // far enough
			}
			return 0
		})
		if slices.Contains(calls, "clone") != c.forks || !slices.Contains(calls, "ppoll") {
			t.Errorf("%s: %v", name, calls)
		}
	}
}

func TestTheDeathOfTheParentThatCannotBeKeptIsRefused(t *testing.T) {
	gains := func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_KILL"}}
	}
	in := with(nil)
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		init   *Init
		want   string
	}{
		"root gains":            {gains, nil, "CAP_CHOWN"},
		"another user does not": {func(s *specs.Spec) { gains(s); s.Process.User.UID = 7 }, nil, ""},
		"nor with no_new_privs": {func(s *specs.Spec) { gains(s); s.Process.NoNewPrivileges = true }, nil, ""},
		"nor the built-in init": {gains, &in, ""},
		"a profile":             {func(s *specs.Spec) { s.Process.ApparmorProfile = "p" }, nil, "process.apparmorProfile"},
		"a label":               {func(s *specs.Spec) { s.Process.SelinuxLabel = "l" }, nil, "process.selinuxLabel"},
		"a label of the init's": {func(s *specs.Spec) { s.Process.SelinuxLabel = "l" }, &in, ""},
		"no PID namespace":      {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] }, nil, "no PID namespace"},
		"a joined one":          {func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/proc/7/ns/pid" }, nil, "no PID namespace"},
	} {
		_, err := boundPlan(t, c.change, c.init)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
