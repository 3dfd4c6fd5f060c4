package tests

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house, which a reader should not have to check.

// sources are the Go files of the repository, by path from its top.
func sources(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard", "*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := slices.DeleteFunc(strings.Fields(string(out)), func(path string) bool {
		_, err := os.Stat(filepath.Join("..", path))
		return err != nil
	})
	if len(list) < 100 {
		t.Fatalf("only %d Go files: the list is not what it should be", len(list))
	}
	return list
}

func imports(t *testing.T, path string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name)
	}
	return list
}

// cmd → runtime → {nsinit, cgroups, bundles}; nsinit → bundles. Tests see the
// binary; of nsinit they take the assembler, for programs of their own (rig.Program).
func TestImportsGoDownOnly(t *testing.T) {
	below := map[string][]string{
		"cmd": {"runtime", "nsinit", "cgroups", "bundles"}, "runtime": {"runtime", "nsinit", "cgroups", "bundles"},
		"nsinit": {"nsinit", "bundles"}, "cgroups": {}, "bundles": {}, "tests": {"tests", "nsinit"},
	}
	for _, path := range sources(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		room, _, _ := strings.Cut(path, "/")
		for _, name := range imports(t, path) {
			to, ours := strings.CutPrefix(name, "minirun/")
			to, _, _ = strings.Cut(to, "/")
			if ours && !slices.Contains(below[room], to) {
				t.Errorf("%s imports %s", path, name)
			}
		}
	}
}

// What every start would pay for. minirun-observe alone has eBPF.
func TestMinirunLinksNothingHeavy(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "minirun/cmd/minirun").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, heavy := range []string{
		"encoding/json", "net", "log/slog", "text/template", "os/exec", "regexp", "C",
		"github.com/sirupsen/logrus", "github.com/opencontainers/cgroups", "github.com/cilium/ebpf", "github.com/godbus/dbus/v5", "minirun/runtime/observe/bpf",
	} {
		if slices.Contains(deps, heavy) {
			t.Errorf("minirun links %s", heavy)
		}
	}
	if len(deps) < 40 {
		t.Errorf("only %d packages: the list is not what it should be", len(deps))
	}
}

func TestUnsafeIsInItsOwnFiles(t *testing.T) {
	for _, path := range sources(t) {
		if slices.Contains(imports(t, path), "unsafe") && !strings.HasSuffix(strings.TrimSuffix(path, "_test.go"), "_unsafe") &&
			!strings.HasSuffix(path, "_unsafe.go") {
			t.Errorf("%s imports unsafe", path)
		}
	}
}

// A file that cannot be read at one sitting is two files; a generated table is none.
func TestFilesAreShort(t *testing.T) {
	for _, path := range sources(t) {
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > 400 && !bytes.Contains(text, []byte("Code generated")) &&
			!strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines", path, n)
		}
		formatted, err := format.Source(text)
		if err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not as gofmt has it: %v", path, err)
		}
	}
}

// Whoever sleeps polls: there is a pidfd, a socket or an inotify to wait for.
func TestNothingSleeps(t *testing.T) {
	for _, path := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "tests/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"time.Sleep(", "time.Tick(", "time.NewTicker("} {
			if bytes.Contains(text, []byte(call)) {
				t.Errorf("%s has %s", path, call)
			}
		}
	}
}

func TestTopLevelIsWhatItIs(t *testing.T) {
	want := []string{
		".ci", ".git", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md",
		"bin", "bundles", "cgroups", "cmd", "go.mod", "go.sum", "nsinit", "runtime", "tests",
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}
