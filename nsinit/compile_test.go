package nsinit

import (
	"bytes"
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

// recorded are the configs that engines wrote (bundles/testdata/configs) and
// whose features this version has.
var recorded = []string{
	"cri2-container", "cri2-podpid-container", "cri2-sandbox", "ctr", "ctr-joinpidns", "ctr-tty", "ctr2",
	"ctr-userns", "docker", "docker-hostpid", "docker-init", "docker-joinpidns", "docker-tty", "podman", "podman-init",
	"podman-joinpidns", "podman-userns",
}

func loadRecorded(t testing.TB, name string) *specs.Spec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "bundles", "testdata", "configs", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := bundles.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// testFacts are those of an imagined hybrid host, where root holds every capability.
func testFacts(spec *specs.Spec, arch string) Facts {
	f := Facts{
		Arch: arch, ID: "web", Root: "/bundle/rootfs", Wait: true, Console: spec.Process.Terminal,
		Bounding: 1<<len(bundles.KnownCapabilities()) - 1, Permitted: 1<<len(bundles.KnownCapabilities()) - 1, Home: "/root",
		CopiesDetached: true,
		Mounts:         make([]MountFacts, len(spec.Mounts)),
		Cgroups: []CgroupMount{
			{Name: "cpu,cpuacct", Options: []string{"cpu", "cpuacct"}, Dir: "/sys/fs/cgroup/cpu,cpuacct/web"},
			{Name: "pids", Options: []string{"pids"}, Dir: "/sys/fs/cgroup/pids/web"},
			{Name: "systemd", Options: []string{"none", "name=systemd"}, Dir: "/sys/fs/cgroup/systemd/web"},
			{Name: "unified", Dir: "/sys/fs/cgroup/unified/web"},
		},
	}
	for i, m := range spec.Mounts {
		f.Mounts[i].File = m.Type == "bind" && strings.HasPrefix(m.Destination, "/etc/")
	}
	return f
}

func compileFor(t testing.TB, spec *specs.Spec, arch string) *Plan {
	t.Helper()
	return compileWith(t, spec, testFacts(spec, arch))
}

// compileWith is Compile, whose plan must pass Lint.
func compileWith(t testing.TB, spec *specs.Spec, f Facts) *Plan {
	t.Helper()
	p, err := Compile(spec, f)
	if err == nil {
		err = Lint(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func printed(t testing.TB, p *Plan) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPlansOfRecordedConfigsAreGolden(t *testing.T) {
	for _, name := range recorded {
		t.Run(name, func(t *testing.T) {
			spec := loadRecorded(t, name)
			text := printed(t, compileFor(t, spec, "amd64"))
			if other := printed(t, compileFor(t, spec, "arm64")); other != text {
				t.Errorf("the plan of arm64 reads otherwise:\n%s", golden.Difference([]byte(text), []byte(other)))
			}
			golden.Check(t, "plans/"+name+".txt", []byte(text))
		})
	}
}

func TestPlansOfRecordedConfigsAssemble(t *testing.T) {
	for _, name := range recorded {
		for _, arch := range []string{"amd64", "arm64"} {
			p := compileFor(t, loadRecorded(t, name), arch)
			if _, err := Assemble(p); err != nil {
				t.Errorf("%s, %s: %v", name, arch, err)
			}
		}
	}
}

// The same input must give the same plan, whatever the order of maps.
func TestCompileIsDeterministic(t *testing.T) {
	spec := loadRecorded(t, "docker")
	want := printed(t, compileFor(t, spec, "amd64"))
	for range 20 {
		if got := printed(t, compileFor(t, spec, "amd64")); got != want {
			t.Fatal(golden.Difference([]byte(want), []byte(got)))
		}
	}
}

func TestArchitectureWithoutEncoderIsRefused(t *testing.T) {
	if _, err := Compile(loadRecorded(t, "ctr"), testFacts(loadRecorded(t, "ctr"), "riscv64")); err == nil ||
		!strings.Contains(err.Error(), `"riscv64"`) {
		t.Errorf("got %v", err)
	}
}

// calls lists the names of a plan's system calls in order.
func calls(p *Plan) []string {
	var names []string
	for _, s := range p.Steps {
		if c, ok := s.Op.(Call); ok {
			names = append(names, c.Name)
		}
	}
	return names
}

func minimal() *specs.Spec {
	return &specs.Spec{
		Version: "1.3.0", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"sh"}, Cwd: "/", Env: []string{"PATH=/bin:/usr/bin"}},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace}, {Type: specs.MountNamespace},
		}},
	}
}

func TestFreshPidNamespaceIsClonedDirectly(t *testing.T) {
	p := compileFor(t, minimal(), "amd64")
	if p.Staged || p.Clone != unix.CLONE_NEWPID|unix.CLONE_NEWNS {
		t.Errorf("staged %v, flags %#x", p.Staged, p.Clone)
	}
	if slices.Contains(calls(p), "clone3") {
		t.Error("the image clones")
	}
}

// minirun's own fork must never be visible in a PID namespace of others: the
// stage is not dumpable before it joins, and only its child lives there.
func TestJoinedPidNamespaceIsStaged(t *testing.T) {
	spec := minimal()
	spec.Linux.Namespaces[0].Path = "/proc/7/ns/pid"
	p := compileFor(t, spec, "amd64")
	if !p.Staged || p.Clone != 0 {
		t.Errorf("staged %v, flags %#x", p.Staged, p.Clone)
	}
	names := calls(p)
	dumpable, setns, clone := slices.Index(names, "prctl"), slices.Index(names, "setns"), slices.Index(names, "clone3")
	if dumpable < 0 || setns < dumpable || clone < setns {
		t.Errorf("prctl %d, setns %d, clone3 %d", dumpable, setns, clone)
	}
}

func TestIgnoredSignalsOfTheCallerAreReset(t *testing.T) {
	f := testFacts(minimal(), "amd64")
	f.IgnoredSignals = []int{1, 2, 13, 35}
	p, err := Compile(minimal(), f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range calls(p) {
		if name == "rt_sigaction" {
			n++
		}
	}
	if n != len(f.IgnoredSignals) {
		t.Errorf("%d dispositions reset", n)
	}
}

func TestDescriptorsOfTheContainerComeFirst(t *testing.T) {
	f := testFacts(minimal(), "amd64")
	f.PreserveFDs = 2
	p, err := Compile(minimal(), f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if in := p.Inherit[i]; in.N != i || in.Role != RoleStdio && in.Role != RolePreserved {
			t.Errorf("descriptor %d is %v", i, in)
		}
	}
	if p.Report != 5 {
		t.Errorf("reports go to %d", p.Report)
	}
}

func TestMountsInsideProcAreRefused(t *testing.T) {
	for _, c := range []struct {
		dest, source, kind string
		want               string
	}{
		{"/proc", "/tmp", "bind", "only a procfs"},
		{"/proc", "tmpfs", "tmpfs", "only a procfs"},
		{"/proc/self/attr", "/tmp", "bind", "inside /proc"},
		{"/x/../proc/sys", "/tmp", "bind", "inside /proc"},
		{"/proc/cpuinfo", "/tmp/x", "bind", ""},
		{"/proc", "proc", "proc", ""},
		{"/proc", "/proc", "bind", ""},
		{"/processes", "/tmp", "bind", ""},
	} {
		spec := minimal()
		spec.Mounts = []specs.Mount{{Destination: c.dest, Type: c.kind, Source: c.source}}
		_, err := Compile(spec, testFacts(spec, "amd64"))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s on %s: %v", c.source, c.dest, err)
		}
	}
}

func TestCapabilitiesTheCallerLacksAreLeftOutAndNamed(t *testing.T) {
	caps := &specs.LinuxCapabilities{
		Bounding: []string{"CAP_CHOWN", "CAP_SYS_RESOURCE"}, Permitted: []string{"CAP_CHOWN", "CAP_SYS_RESOURCE"},
		Effective: []string{"CAP_CHOWN"}, Inheritable: []string{"CAP_KILL"}, Ambient: []string{"CAP_CHOWN", "CAP_KILL"},
	}
	f := Facts{Bounding: 1 << 0, Permitted: 1<<0 | 1<<5}
	if got := newCapSets(caps, f); got != (capSets{bounding: 1, effective: 1, permitted: 1, inheritable: 1 << 5}) {
		t.Errorf("got %+v", got)
	}
	if got := MissingCaps(caps, f); !slices.Equal(got, []string{"CAP_KILL", "CAP_SYS_RESOURCE"}) {
		t.Errorf("missing %v", got)
	}
}

func TestPathIsSearchedLikeExecvp(t *testing.T) {
	for env, want := range map[string][]string{
		"PATH=/bin:/usr/bin": {"/bin", "/usr/bin"},
		"PATH=:/bin/":        {".", "/bin"},
		"PATH=":              nil,
		"NOPATH=/bin":        nil,
	} {
		if got := searchPath([]string{"PATH=/first", env}[1:]); !slices.Equal(got, want) {
			t.Errorf("%s: %q", env, got)
		}
	}
	if got := searchPath([]string{"PATH=/a", "PATH=/b"}); !slices.Equal(got, []string{"/b"}) {
		t.Errorf("the last assignment wins, got %q", got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"": "/", "/": "/", "a/b": "/a/b", "/a/../../b/./": "/b", "//x//": "/x",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q", in, got)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	spec := loadRecorded(b, "docker")
	f := testFacts(spec, "amd64")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(spec, f); err != nil {
			b.Fatal(err)
		}
	}
}

// Before Linux 6.15 the first masked directory takes the tmpfs itself.
func TestMaskedDirectoriesWhereADetachedMountIsNotCopied(t *testing.T) {
	spec := loadRecorded(t, "docker")
	f := testFacts(spec, "amd64")
	f.CopiesDetached = false
	p := compileWith(t, spec, f)
	const itself = `move_mount(empty, "", path, "",`
	paths := len(spec.Linux.MaskedPaths)
	if n := strings.Count(printed(t, p), itself); n != paths {
		t.Errorf("%d of %d masked paths may take the tmpfs itself", n, paths)
	}
	if text := printed(t, compileFor(t, spec, "amd64")); strings.Contains(text, itself) {
		t.Error("it is taken where it can be copied")
	}
}
