package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The suite, pinned: the newest tagged version (2019) does not build, and
// expected.tsv was measured with this one.
const (
	module  = "github.com/opencontainers/runtime-tools"
	version = "v0.9.1-0.20251114084447-edf4cb3d2116"
)

// A suite is its programs, built.
type suite struct {
	bin    string   // directory of the programs and of runtimetest
	rootfs string   // the archive of the root file system that they unpack
	lock   *os.File // held while the suite is in use
}

// install builds the programs that are not in the cache yet.
func install(cache string, list []program) (*suite, error) {
	s := &suite{bin: filepath.Join(cache, version)}
	err := os.MkdirAll(s.bin, 0o755)
	if err != nil {
		return nil, err
	}
	if s.lock, err = lockFile(filepath.Join(cache, "lock")); err != nil {
		return nil, err
	}
	missing := []string{}
	if !exists(filepath.Join(s.bin, "runtimetest")) {
		missing = append(missing, module+"/cmd/runtimetest@"+version)
	}
	for _, p := range list {
		if !exists(filepath.Join(s.bin, p.name)) {
			missing = append(missing, module+"/validation/"+p.name+"@"+version)
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "building %d programs of %s@%s in %s\n", len(missing), module, version, s.bin)
		if err := s.build(missing); err != nil {
			return nil, errors.Join(err, s.lock.Close())
		}
	}
	return s, s.findRootfs()
}

// build installs packages, static and stripped: runtimetest runs inside the
// container, and symbols only cost time.
func (s *suite) build(packages []string) error {
	cmd := exec.Command("go", append([]string{"install", "-trimpath", "-ldflags=-s -w"}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOBIN="+s.bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install the suite: %w\n%s", err, out)
	}
	return nil
}

// findRootfs asks go for the module's folder, in which the archive lies.
func (s *suite) findRootfs() error {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module+"@"+version)
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOFLAGS=-mod=mod", "GO111MODULE=on")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list %s: %w", module, err)
	}
	s.rootfs = filepath.Join(strings.TrimSpace(string(out)), "rootfs-"+runtime.GOARCH+".tar.gz")
	if !exists(s.rootfs) {
		return fmt.Errorf("%s is not there", s.rootfs)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
