package rig

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kind is whose conventions a runtime follows in the tests.
type Kind string

// The runtimes that the suite knows.
const (
	Minirun Kind = "minirun"
	Runc    Kind = "runc"
	Crun    Kind = "crun"
)

// Runtime is an executable that is tested or measured.
type Runtime struct {
	Kind    Kind
	Path    string
	Version string // first line of --version
}

// current is the runtime under test.
var current Runtime

// FindRuntime is $RUNTIME, or a minirun built for this run from the module
// around the working directory.
func FindRuntime(dir string) (Runtime, error) {
	path := os.Getenv("RUNTIME")
	if path == "" {
		path = filepath.Join(dir, "minirun")
		if err := Build(minirun, path); err != nil {
			return Runtime{}, err
		}
	}
	return Identify(path)
}

// programs, if set, is a directory with what Build would build, by the last
// element of its path: for machines without Go.
const programs = "RIG_PROGRAMS"

// minirun is the package of the runtime itself, which make links in a way of its own.
const minirun = "minirun/cmd/minirun"

// Build compiles a package of this module as a release is, but for the flags.
func Build(pkg, path string, flags ...string) error {
	if dir := os.Getenv(programs); dir != "" {
		built := filepath.Join(dir, filepath.Base(path))
		if built == path { // it is wanted beside a runtime that lies there
			return nil
		}
		return Copy(built, path)
	}
	link := "-s -w"
	if pkg == minirun {
		link += " -E minirun/runtime/warm.entry"
	}
	args := append([]string{"build", "-trimpath", "-ldflags", link, "-o", path}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Identify asks the executable at path for its version. Its kind is in the
// name of the file, or in what it calls itself.
func Identify(path string) (Runtime, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return Runtime{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return Runtime{}, err
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return Runtime{}, fmt.Errorf("%s --version: %w", path, err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return Runtime{kindOf(filepath.Base(path), string(out)), path, string(line)}, nil
}

// kindOf is the runtime's kind by its file name, else by its own words.
func kindOf(base, version string) Kind {
	for _, text := range []string{base, version} {
		for _, k := range []Kind{Minirun, Crun, Runc} {
			if strings.Contains(text, string(k)) {
				return k
			}
		}
	}
	return Kind(cmp.Or(os.Getenv("RUNTIME_KIND"), base))
}
