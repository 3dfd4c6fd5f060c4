package nsinit

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"minirun/tests/golden"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// goldenPlan compares what a plan prints with testdata/plans/NAME.txt.
func goldenPlan(t *testing.T, name string, p *Plan) {
	t.Helper()
	golden.Check(t, "plans/"+name+".txt", []byte(printed(t, p)))
}

// labelledSpec has both labels of SELinux and something for each to label.
func labelledSpec() *specs.Spec {
	spec := minimal()
	spec.Process.SelinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0:c124,c675"
	spec.Linux.MountLabel = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"
	spec.Linux.MaskedPaths = []string{"/sys/firmware"}
	spec.Linux.Sysctl = map[string]string{"net.core.somaxconn": "1"}
	spec.Mounts = []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue"},
		{Destination: "/own", Type: "tmpfs", Source: "tmpfs", Options: []string{"context=system_u:object_r:own_t:s0"}},
	}
	return spec
}

func TestLabelsWhereSELinuxIsOn(t *testing.T) {
	spec := labelledSpec()
	f := testFacts(spec, "amd64")
	f.SELinux, f.Cgroups = true, nil
	p := compileWith(t, spec, f)
	goldenPlan(t, "selinux", p)
	if _, err := Assemble(p); err != nil {
		t.Error(err)
	}
	if got := Ignored(spec, f); got != nil {
		t.Errorf("warned: %q", got)
	}
}

// A profile is asked for by the process itself, as its user, and the exec of
// a hook or of the built-in init happens under it.
func TestProfileWhereAppArmorIsOn(t *testing.T) {
	spec := minimal()
	spec.Process.ApparmorProfile = "acme_secure_profile"
	f := testFacts(spec, "amd64")
	f.AppArmor, f.Cgroups = "attr/apparmor/exec", nil
	p := compileWith(t, spec, f)
	goldenPlan(t, "apparmor", p)
}

func TestExecHasLabels(t *testing.T) {
	spec := minimal()
	spec.Process.ApparmorProfile, spec.Process.SelinuxLabel = "p", "u:r:t:s0"
	f := testFacts(spec, "amd64")
	f.SELinux, f.AppArmor = true, "attr/apparmor/exec"
	p, err := CompileExec(spec, spec.Process, f, Join{Namespaces: allNamespaces})
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, text := range []string{"setns(", "clone3", `fsopen("proc"`, "attr/keycreate", "thread-self/attr/exec", "attr/apparmor/exec",
		"keyctl", "setresuid", "faccessat2", `write(attr, "u:r:t:s0"`, `write(attr, "exec p", 6)`, "execve"} {
		at := position(t, p, text)
		if text == `write(attr, "u:r:t:s0"` { // the keyring's comes before
			lines := strings.Split(printed(t, p), "\n")
			at = len(lines) - 1 - slices.IndexFunc(reversed(lines), func(s string) bool { return strings.Contains(s, text) })
		}
		if at <= last {
			t.Errorf("%s comes too early:\n%s", text, printed(t, p))
		}
		last = at
	}
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// The words are runc's. A mount label is nothing that protects the host, and
// engines write it wherever they were built for SELinux.
func TestLabelsWhereNoModuleIsOn(t *testing.T) {
	for want, change := range map[string]func(*specs.Process){
		"selinux label is specified in config, but selinux is disabled or not supported": func(p *specs.Process) { p.SelinuxLabel = "x" },
		"apparmor: config provided but apparmor not supported":                           func(p *specs.Process) { p.ApparmorProfile = "x" },
	} {
		spec := minimal()
		change(spec.Process)
		f := testFacts(spec, "amd64")
		if _, err := Compile(spec, f); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		if _, err := CompileExec(spec, spec.Process, f, Join{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("exec: got %v", err)
		}
	}
	spec := labelledSpec()
	spec.Process.SelinuxLabel = ""
	p, err := Compile(spec, testFacts(spec, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if text := printed(t, p); strings.Contains(text, "svirt_sandbox") {
		t.Error("a mount is labelled")
	}
	if got := Ignored(spec, testFacts(spec, "amd64")); len(got) != 1 || !strings.HasPrefix(got[0], "linux.mountLabel: ") {
		t.Errorf("warned: %q", got)
	}
}

// No module that this kernel has need be on to see that the kernel lets the
// process reach its own attributes by this way: the last word is the write's.
func TestLabelsReachTheKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	b, err := newBuilder(minimal(), Facts{Arch: runtime.GOARCH, NoNewKeyring: true, AppArmor: "attr/exec"})
	if err != nil {
		t.Fatal(err)
	}
	b.plan.Report = 3
	b.spec.Process.ApparmorProfile = "no_such_profile"
	b.openLabels()
	b.writeLabels()
	b.call("the end", "exit_group", num(0))
	got := run(t, b.plan, nil)
	if len(got.reports) != 1 || got.reports[0].Value >= 0 {
		t.Fatalf("reports %v", got.reports)
	}
	if c, ok := b.plan.Steps[got.reports[0].Step].Op.(Call); !ok || c.Name != "write" {
		t.Errorf("failed at %v with %v", b.plan.Steps[got.reports[0].Step], syscall.Errno(-got.reports[0].Value))
	}
}
