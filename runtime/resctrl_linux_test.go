package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// class makes what the kernel would with a mkdir in resctrl.
func class(t *testing.T, dir, schemata string) {
	t.Helper()
	for path, text := range map[string]string{"schemata": schemata, "tasks": "", "mon_groups/x/tasks": ""} {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func rdtGroup(root string, rdt specs.LinuxIntelRdt) *resctrlGroup {
	return newResctrlGroup(root, "web", &rdt)
}

// The tree stands for resctrl, which this machine may not have.
func TestResctrlChecksAClassThatIsThere(t *testing.T) {
	root := t.TempDir()
	class(t, root, "")
	class(t, root+"/gold", "L3:0=7f0\n")
	class(t, root+"/web", "")
	for name, tc := range map[string]struct {
		rdt  specs.LinuxIntelRdt
		want string
	}{
		"as it is":           {specs.LinuxIntelRdt{ClosID: "gold"}, ""},
		"the same schema":    {specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:0=07f0"}, ""},
		"another schema":     {specs.LinuxIntelRdt{ClosID: "gold", Schemata: []string{"L3:0=1"}}, `has another schema than "L3:0=1"`},
		"the default class":  {specs.LinuxIntelRdt{ClosID: "/"}, ""},
		"no class":           {specs.LinuxIntelRdt{ClosID: "lead"}, "no such file or directory"},
		"a class to be made": {specs.LinuxIntelRdt{ClosID: "lead", MemBwSchema: "MB:0=9"}, ""},
		"somebody's":         {specs.LinuxIntelRdt{}, "web: file exists"},
	} {
		err := rdtGroup(root, tc.rdt).check()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResctrlTakesTheProcess(t *testing.T) {
	root := t.TempDir()
	class(t, root+"/gold", "L3:0=7f0\n")
	g := rdtGroup(root, specs.LinuxIntelRdt{ClosID: "gold"})
	if err := errors.Join(g.check(), g.enter(4152)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, root, "gold/tasks"); got != "4152" {
		t.Errorf("tasks: %q", got)
	}
	if err := deleteResctrl(&Record{Resctrl: g.Dir, ResctrlDelete: g.delete()}); err != nil || !exists(g.Dir) {
		t.Errorf("a class by name is not ours to remove: %v", err)
	}
	// An exec is no child of the init, and comes by itself.
	if err := enterResctrl(g.Dir, g.Dir+"/mon_groups/x", 99); err != nil || content(t, root, "gold/mon_groups/x/tasks") != "99" {
		t.Errorf("exec: %v", err)
	}
}

// Of a group that is made here the kernel makes the files.
func TestResctrlMakesAndRemovesAGroup(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.Mkdir(root+"/info", 0o755), os.WriteFile(root+"/info/last_cmd_status", []byte("Out of RMIDs\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	g := rdtGroup(root, specs.LinuxIntelRdt{})
	if err := g.check(); err != nil {
		t.Fatal(err)
	}
	err := g.enter(7)
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "tasks: no such file or directory: Out of RMIDs") {
		t.Errorf("no tasks file: %v", err)
	}
	if !exists(g.Dir) {
		t.Error("the group was not made")
	}
	r := &Record{Resctrl: g.Dir, ResctrlDelete: g.delete()}
	if err := errors.Join(deleteResctrl(r), deleteResctrl(r)); err != nil || exists(g.Dir) {
		t.Errorf("delete: %v", err)
	}
}
