package rig

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// isolated in the environment says that the mount namespace is the run's own.
const isolated = "RIG_ISOLATED"

// binDir holds what is built for this run.
var binDir string

// Main is TestMain: the run gets a mount namespace of its own, shared as
// systemd's is, so that the tests see every mount that a runtime leaves and
// the machine sees none; and it becomes a subreaper, as engines' shims are.
func Main(m *testing.M) int {
	Helper()
	if err := Isolate(); err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp("", Marker+"-bin-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binDir = dir
	if current, err = FindRuntime(dir); err != nil {
		return fail(err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fail(err)
	}
	if os.Geteuid() == 0 {
		// For crun, and for the tests of hugetlb. The mounts are of our own namespace.
		if err := MountMissingV1(); err != nil {
			return fail(err)
		}
	}
	fmt.Printf("runtime under test: %s (%s)\n", current.Path, current.Version)
	defer RemoveCgroups()
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "rig:", err)
	return 1
}

// Isolate executes the program again in a mount namespace of its own, when it
// is root's and not there already.
func Isolate() error {
	if os.Geteuid() != 0 || os.Getenv(isolated) != "" {
		return nil
	}
	runtime.LockOSThread() // unshare(2) and the execve are of this thread
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mount namespace: %w", err)
	}
	for _, flags := range []uintptr{unix.MS_REC | unix.MS_PRIVATE, unix.MS_REC | unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", flags, ""); err != nil {
			return fmt.Errorf("set propagation of /: %w", err)
		}
	}
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), isolated+"=1"))
}

// MountMissingV1 mounts the v1 hierarchies that are in use without a mount,
// and on a hybrid host those of the controllers that the v2 tree still has:
// crun 1.8 cannot start a container beside one of these.
func MountMissingV1() error {
	names, err := unmountedControllers()
	if err != nil {
		return err
	}
	for _, name := range names {
		dir := "/sys/fs/cgroup/" + name
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("cgroup", dir, "cgroup", 0, name); err != nil {
			return fmt.Errorf("mount v1 hierarchy %s: %w", name, err)
		}
	}
	return nil
}

// unmountedControllers are those of a hybrid host without a directory below /sys/fs/cgroup.
func unmountedControllers() ([]string, error) {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(self)) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && f[1] != "" && !strings.HasPrefix(f[1], "name=") {
			names = append(names, f[1])
		}
	}
	if len(names) > 0 { // with a v1 hierarchy, the host is hybrid or v1
		left, _ := os.ReadFile("/sys/fs/cgroup/unified/cgroup.controllers")
		names = append(names, strings.Fields(string(left))...)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Stat("/sys/fs/cgroup/" + name + "/cgroup.procs")
		return err == nil
	}), nil
}
