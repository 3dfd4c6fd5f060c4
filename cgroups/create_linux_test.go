package cgroups

import (
	"os"
	"path/filepath"
	"testing"
)

// fakeTree makes directories below a root, each with the core files of a
// version 2 group.
func fakeTree(t *testing.T, controllers string, dirs ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range append([]string{"."}, dirs...) {
		dir := filepath.Join(root, d)
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(dir+"/cgroup.subtree_control", nil, 0o644))
	}
	must(t, os.WriteFile(root+"/cgroup.controllers", []byte(controllers), 0o644))
	return root
}

func TestCreateEnablesControllers(t *testing.T) {
	root := fakeTree(t, "cpu memory pids\n", "a", "a/b", "other")
	h := &Host{Unified: root, Own: "/"}
	g, err := h.Group("/a/b/c", "")
	must(t, err)
	must(t, g.Create())
	for dir, want := range map[string]string{"": "+cpu +memory +pids", "a": "+cpu +memory +pids", "a/b": "+cpu +memory +pids", "other": ""} {
		if got, err := readFile(filepath.Join(root, dir), "cgroup.subtree_control"); err != nil || got != want {
			t.Errorf("/%s: got %q, %v, want %q", dir, got, err, want)
		}
	}
	must(t, g.Undo())
	if exists(root+"/a/b/c") || !exists(root+"/a/b") {
		t.Error("Undo removed more or less than was made")
	}
}

func TestCreateLeavesEnabledControllersAlone(t *testing.T) {
	root := fakeTree(t, "cpu\n", "a", "a/b")
	must(t, os.WriteFile(root+"/a/b/cgroup.controllers", []byte("cpu\n"), 0o644))
	g, err := (&Host{Unified: root}).Group("/a/b", "")
	must(t, err)
	must(t, g.Create())
	if got, err := readFile(root, "cgroup.subtree_control"); err != nil || got != "" {
		t.Errorf("written: %q, %v", got, err)
	}
}

// TestCreateWithoutDelegation: what cannot be enabled is no error as such, but
// a limit that needs it is.
func TestCreateWithoutDelegation(t *testing.T) {
	root := fakeTree(t, "cpu memory\n")
	must(t, os.Remove(root+"/cgroup.subtree_control"))
	g, err := (&Host{Unified: root}).Group("/a/b", "")
	must(t, err)
	must(t, g.Create())
	want := `cgroup: linux.resources.cpu.shares: the cpu controller is not available in ` + root + `/a/b, which has ""`
	if err := g.Update(resources(t, `{"cpu":{"shares":100}}`)); message(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestFrozenV2FromEvents(t *testing.T) {
	root := fakeTree(t, "cpu\n", "a")
	must(t, os.WriteFile(root+"/a/cgroup.events", []byte("populated 0\nfrozen 1\n"), 0o644))
	g, err := (&Host{Unified: root}).Group("/a", "")
	must(t, err)
	want := "cgroup: " + root + "/a is frozen, and a container in it would never start: device or resource busy"
	if err := g.Create(); message(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
