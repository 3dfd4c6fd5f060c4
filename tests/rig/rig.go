// Package rig is what the black-box tests and the benchmark stand on: root
// file systems, bundles, a driver for any OCI runtime's command line, and a
// check that the machine is left as it was found.
package rig

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A Rig is one test's own place on the machine: a directory, a state root and
// names that carry the Marker. New checks at the end of the test that nothing
// else than the directory came into being, and then removes that.
type Rig struct {
	testing.TB
	Runtime Runtime
	Dir     string // short, so that sockets in it have short names
	Root    string // the runtime's --root
	// Global stands before the verb of every call, after --root.
	Global []string

	before snapshot
	count  int
}

// Marker is in the name of every container, cgroup and directory of this run;
// RIG_MARKER is of a run that has a PID namespace of its own.
var Marker = cmp.Or(os.Getenv("RIG_MARKER"), "mrt"+strconv.Itoa(os.Getpid()))

// serial numbers the containers of a run.
var serial atomic.Int64

// New makes the test's place and registers the leak check.
func New(t testing.TB) *Rig {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root")
	}
	dir, err := os.MkdirTemp("", Marker+"-")
	if err != nil {
		t.Fatal(err)
	}
	r := &Rig{TB: t, Runtime: current, Dir: dir, Root: filepath.Join(dir, "root")}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(r.tmp(), 0o777)); err != nil {
		t.Fatal(err)
	}
	r.before = r.look()
	t.Cleanup(r.finish)
	return r
}

// tmp is the TMPDIR of the runtime under test.
func (r *Rig) tmp() string { return filepath.Join(r.Dir, "tmp") }

// finish is the end of a test: what is left is reported and removed.
func (r *Rig) finish() {
	left := r.leaks()
	for _, l := range left {
		r.Errorf("left behind: %s", l)
	}
	if len(left) > 0 {
		r.sweep()
	}
	if under := mountsUnder(r.Dir); len(under) > 0 {
		r.Errorf("%s is kept, because of the mounts in it: %s", r.Dir, strings.Join(under, " "))
		return
	}
	if err := os.RemoveAll(r.Dir); err != nil {
		r.Errorf("remove %s: %v", r.Dir, err)
	}
}

// Path is a file of the test's directory.
func (r *Rig) Path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir}, elem...)...)
}

// Mkdir makes a directory of the test's directory.
func (r *Rig) Mkdir(name string) string {
	r.Helper()
	path := r.Path(name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		r.Fatal(err)
	}
	return path
}

// Write makes a file of the test's directory.
func (r *Rig) Write(name, content string, mode os.FileMode) string {
	r.Helper()
	path := r.Path(name)
	if err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
		r.Fatal(err)
	}
	return path
}

// Read is what a file holds.
func (r *Rig) Read(path string) string {
	r.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		r.Fatal(err)
	}
	return string(data)
}

// Log of a file that may not exist.
func (r *Rig) maybe(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

// ID is a container's name that nothing else on the machine has.
func ID() string { return fmt.Sprintf("%s-%d", Marker, serial.Add(1)) }

// Skip is for what this machine cannot do. In CI there is no such thing.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if InCI() && current.Kind == Minirun {
		t.Fatalf("would skip, which CI does not allow: "+format, args...)
	}
	t.Skipf(format, args...)
}

// InCI tells that a skip is a failure.
func InCI() bool { return os.Getenv("CI") != "" }

// MinirunOnly skips the test under any other runtime: what it asserts is
// minirun's own promise and no convention.
func (r *Rig) MinirunOnly(promise string) {
	r.Helper()
	if r.Runtime.Kind != Minirun && os.Getenv("FINDINGS") == "" {
		r.Skipf("minirun's own promise: %s", promise)
	}
}

// Finding skips the test under a peer that is known to differ; what is the
// difference, seen when the test was written. FINDINGS=1 runs it all the same.
func (r *Rig) Finding(peer Kind, what string) {
	r.Helper()
	if r.Runtime.Kind == peer && os.Getenv("FINDINGS") == "" {
		r.Skipf("%s: %s", peer, what)
	}
}

// Page is the machine's page size.
var Page = unix.Getpagesize()
