package nsinit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"minirun/bundles"
	"minirun/tests/golden"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// allNamespaces are those of a container of an engine on cgroup v2.
const allNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// execs are the process objects that engines gave to exec (bundles/testdata).
var execs = []string{"ctr-exec-process", "docker-exec-process", "podman-exec-process"}

func loadProcess(t testing.TB, name string) *specs.Process {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "bundles", "testdata", "configs", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := bundles.DecodeProcess(text)
	if err == nil {
		err = bundles.ValidateProcess(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func execFor(t testing.TB, p *specs.Process, j Join, arch string) *Plan {
	t.Helper()
	plan, err := CompileExec(&specs.Spec{}, p, Facts{
		Arch: arch, ID: "web", Root: "/", Home: "/root", Console: p.Terminal,
		Bounding: 1<<41 - 1, Permitted: 1<<41 - 1, IgnoredSignals: []int{1},
	}, j)
	if err == nil {
		err = Lint(plan)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Assemble(plan); err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestExecsOfRecordedProcessesAreGolden(t *testing.T) {
	for _, name := range execs {
		t.Run(name, func(t *testing.T) {
			p := loadProcess(t, name)
			text := printed(t, execFor(t, p, Join{Namespaces: allNamespaces &^ unix.CLONE_NEWCGROUP}, "amd64"))
			if other := printed(t, execFor(t, p, Join{Namespaces: allNamespaces &^ unix.CLONE_NEWCGROUP}, "arm64")); other != text {
				t.Errorf("the plan of arm64 reads otherwise:\n%s", golden.Difference([]byte(text), []byte(other)))
			}
			golden.Check(t, "plans/"+name+".txt", []byte(text))
		})
	}
}

// position of the first call whose printed form starts with text.
func position(t *testing.T, p *Plan, text string) int {
	t.Helper()
	for i, line := range strings.Split(printed(t, p), "\n") {
		if strings.Contains(line, text) {
			return i
		}
	}
	t.Fatalf("no %q in the plan:\n%s", text, printed(t, p))
	return 0
}

// Before the process can be seen inside, the stage is not dumpable, and holds
// nothing of the host; the process waits before it does anything else.
func TestOrderOfAnExec(t *testing.T) {
	p := execFor(t, loadProcess(t, "docker-exec-process"), Join{Namespaces: allNamespaces, Chroot: true, IntoCgroup: true}, "amd64")
	order := []string{
		"close_range", "PR_SET_DUMPABLE", "setns", "fchdir", "chroot", "clone3", "exit_group",
		"<cgroup>)", "read(", "CLONE_NEWCGROUP)", "rt_sigprocmask", "setsid", "  chdir(", "setresuid", "getcwd", "faccessat2", "execve",
	}
	last := -1
	for _, text := range order {
		at := position(t, p, text)
		if at <= last {
			t.Errorf("%s stands before %s:\n%s", text, order[slices.Index(order, text)-1], printed(t, p))
		}
		last = at
	}
	if !p.Staged || p.Clone != 0 {
		t.Errorf("staged %v, flags %#x: minirun's own fork would join", p.Staged, p.Clone)
	}
}

func TestExecJoinsWhatDiffers(t *testing.T) {
	process := loadProcess(t, "ctr-exec-process")
	for _, tt := range []struct {
		join        Join
		setns       int
		roles, none []Role
	}{
		{Join{}, 0, []Role{RoleJoin}, []Role{RoleCgroup, RoleRoot}},
		{Join{Namespaces: unix.CLONE_NEWNET}, 1, []Role{RoleJoin}, []Role{RoleCgroup, RoleRoot}},
		{Join{Namespaces: unix.CLONE_NEWCGROUP}, 1, []Role{RoleJoin}, []Role{RoleCgroup, RoleRoot}},
		{Join{Namespaces: allNamespaces}, 2, []Role{RoleJoin}, []Role{RoleCgroup, RoleRoot}},
		{Join{Namespaces: allNamespaces, IntoCgroup: true}, 2, []Role{RoleJoin, RoleCgroup}, []Role{RoleRoot}},
		{Join{Namespaces: unix.CLONE_NEWPID, Chroot: true}, 1, []Role{RoleJoin, RoleRoot}, []Role{RoleCgroup}},
	} {
		p := execFor(t, process, tt.join, "arm64")
		n := 0
		for _, name := range calls(p) {
			if name == "setns" {
				n++
			}
		}
		if n != tt.setns {
			t.Errorf("%+v: %d times setns", tt.join, n)
		}
		has := func(role Role) bool {
			return slices.ContainsFunc(p.Inherit, func(in Inherit) bool { return in.Role == role })
		}
		if slices.ContainsFunc(tt.none, has) || !has(tt.roles[len(tt.roles)-1]) {
			t.Errorf("%+v: descriptors %v", tt.join, p.Inherit)
		}
	}
}

// The terminal of an exec is not the container's: /dev/console stays as it is.
func TestTerminalOfAnExecIsNotTheConsole(t *testing.T) {
	process := loadProcess(t, "podman-exec-process")
	process.Terminal = true
	names := calls(execFor(t, process, Join{Namespaces: allNamespaces}, "amd64"))
	if !slices.Contains(names, "sendmsg") || slices.Contains(names, "move_mount") || slices.Contains(names, "open_tree") {
		t.Errorf("%v", names)
	}
}

// CVE-2022-29162, CVE-2022-27650.
func TestExecHasNoInheritableCapabilities(t *testing.T) {
	text := printed(t, execFor(t, loadProcess(t, "docker-exec-process"), Join{Namespaces: allNamespaces}, "amd64"))
	if !strings.Contains(text, "inheritable=0}") || strings.Contains(text, "PR_CAP_AMBIENT_RAISE") {
		t.Error("inheritable or ambient capabilities by default")
	}
}
