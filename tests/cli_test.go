package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"minirun/tests/rig"
)

// dockerd and go-runc read these lines.
func TestVersion(t *testing.T) {
	r := rig.New(t)
	x := r.OK("--version")
	for _, want := range []string{`(?m)^\S+ version \S+`, `(?m)^commit: \S+`, `(?m)^spec: \d+\.\d+\.\d+`} {
		if !regexp.MustCompile(want).MatchString(x.Stdout) {
			t.Errorf("nothing matches %s in %q", want, x.Stdout)
		}
	}
}

func TestFeatures(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 has no features")
	x := r.OK("features")
	var f features.Features
	if err := json.Unmarshal([]byte(x.Stdout), &f); err != nil {
		t.Fatal(err)
	}
	if f.OCIVersionMin == "" || f.OCIVersionMax == "" || f.Linux == nil {
		t.Fatalf("features %+v", f)
	}
	for what, list := range map[string][]string{
		"mountOptions rro":       f.MountOptions,
		"hooks createRuntime":    f.Hooks,
		"namespaces pid":         f.Linux.Namespaces,
		"capabilities CAP_CHOWN": f.Linux.Capabilities,
	} {
		_, want, _ := strings.Cut(what, " ")
		found := false
		for _, s := range list {
			found = found || s == want
		}
		if !found {
			t.Errorf("no %s in %v", what, list)
		}
	}
}

func TestSpecWritesABundle(t *testing.T) {
	r := rig.New(t)
	dir := r.Mkdir("new")
	for _, opts := range [][]string{{"spec", "--bundle", dir}} {
		r.OK(opts...)
		var s specs.Spec
		if err := json.Unmarshal([]byte(r.Read(filepath.Join(dir, "config.json"))), &s); err != nil {
			t.Fatal(err)
		}
		if s.Process == nil || s.Root == nil || s.Linux == nil || len(s.Mounts) == 0 {
			t.Errorf("config.json is %+v", s)
		}
	}
	r.Finding(rig.Crun, "1.8.1 overwrites config.json")
	if x := r.Do("spec", "--bundle", dir); x.Code == 0 {
		t.Error("spec overwrote config.json")
	}
}

// What `spec` writes runs, but for its terminal.
func TestWhatSpecWritesRuns(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	if err := os.Remove(filepath.Join(c.Bundle, "config.json")); err != nil {
		t.Fatal(err)
	}
	if x := r.DoWith([]rig.Option{rig.Cwd(c.Bundle)}, "spec"); x.Code != 0 {
		t.Fatal(x.Stderr)
	}
	var s specs.Spec
	if err := json.Unmarshal([]byte(r.Read(filepath.Join(c.Bundle, "config.json"))), &s); err != nil {
		t.Fatal(err)
	}
	s.Process.Terminal = false
	s.Process.Args = []string{"sh", "-c", "exit 9"}
	s.Linux.CgroupsPath = c.Spec.Linux.CgroupsPath
	if err := rig.WriteBundle(c.Bundle, s); err != nil {
		t.Fatal(err)
	}
	if x := c.Run(); x.Code != 9 {
		t.Errorf("code %d, not 9: %s", x.Code, x.Stderr)
	}
}

func TestList(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 lists in the directory's order")
	if x := r.OK("list", "-q"); x.Stdout != "" {
		t.Errorf("list of nothing: %q", x.Stdout)
	}
	a := r.Container().MustCreate()
	b := r.Container().MustCreate().MustStart()
	if x := r.OK("list", "-q"); x.Stdout != a.ID+"\n"+b.ID+"\n" {
		t.Errorf("list -q: %q", x.Stdout)
	}
	table := r.OK("list").Stdout
	for _, want := range []string{`^(ID|NAME) +PID +STATUS`, `(?m)^` + a.ID + ` +\d+ +created +` + a.Bundle, `(?m)^` + b.ID + ` +\d+ +running`} {
		if !regexp.MustCompile(want).MatchString(table) {
			t.Errorf("nothing matches %s in\n%s", want, table)
		}
	}
	var all []rig.State
	if err := json.Unmarshal([]byte(r.OK("list", "--format", "json").Stdout), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].ID != a.ID || all[1].Status != "running" {
		t.Errorf("list is %+v", all)
	}
}

func TestListOfJSONIsNeverNothing(t *testing.T) {
	r := rig.New(t)
	var all []rig.State
	if err := json.Unmarshal([]byte(r.OK("list", "--format=json").Stdout), &all); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestUsageErrors(t *testing.T) {
	r := rig.New(t)
	for _, args := range [][]string{
		{"no-such-verb"}, {"start"}, {"state"}, {"kill"}, {"create"}, {"delete"}, {"--no-such-flag", "list"},
		{"state", "--no-such-flag", "x"}, {"state", "a", "b"}, {"--log-format", "xml", "list"},
	} {
		if x := r.Do(args...); x.Code == 0 && !(r.Runtime.Kind == rig.Crun && len(args) == 3) {
			t.Errorf("%v: code 0 (%s)", args, x.Stdout)
		}
	}
}

func TestHelp(t *testing.T) {
	r := rig.New(t)
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		if x := r.Do(args...); x.Code != 0 || len(x.Stdout) < 200 {
			t.Errorf("%v: code %d, %q", args, x.Code, x.Stdout)
		}
	}
}

// minirun's own form of run: a bundle, and the id comes from its name.
func TestRunOfABundlePath(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("run BUNDLE")
	c := r.Container(rig.Sh("exit 5"))
	bundle := r.Path(rig.Marker + "-bundle")
	if err := os.Rename(c.Bundle, bundle); err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct{ dir, arg string }{{"/", bundle}, {r.Dir, filepath.Base(bundle)}, {r.Dir, "./" + filepath.Base(bundle)}, {bundle, "./"}} {
		x := r.DoWith([]rig.Option{rig.Cwd(call.dir)}, "run", call.arg)
		if x.Code != 5 {
			t.Errorf("run %s in %s: code %d: %s", call.arg, call.dir, x.Code, x.Stderr)
		}
	}
}

func TestPlanPrintsABirth(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("plan")
	c := r.Container()
	text := r.OK("plan", c.Bundle).Stdout
	for _, want := range []string{"execve", "pivot_root", "mount"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the plan:\n%s", want, text)
		}
	}
	var v any
	if err := json.Unmarshal([]byte(r.OK("plan", "--format", "json", c.Bundle).Stdout), &v); err != nil {
		t.Errorf("plan as JSON: %v", err)
	}
}
