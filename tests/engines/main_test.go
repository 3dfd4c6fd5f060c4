package engines

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// inside in the environment says that the namespaces are the run's own.
const inside = "ENGINES_INSIDE"

// run has the tests run in a PID namespace, so that daemons, shims and
// containers end with it however it ends.
func run(m *testing.M) int {
	if os.Getenv(inside) == "" {
		return outside()
	}
	if err := prepare(); err != nil {
		return fail(err)
	}
	defer summary()
	return rig.Main(m)
}

// outside starts this program again in namespaces of its own, and removes
// what no namespace does.
func outside() int {
	dir, err := os.MkdirTemp("", rig.Marker+"-minirun-")
	if err != nil {
		return fail(err)
	}
	path := os.Getenv("RUNTIME")
	if path == "" {
		path = filepath.Join(dir, "minirun")
		if err := build(path); err != nil {
			return fail(err)
		}
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1", "RIG_ISOLATED=1", "RIG_MARKER="+rig.Marker, "RUNTIME="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	before, err := here()
	if err != nil {
		return fail(err)
	}
	err = errors.Join(cmd.Run(), nothingNew(before))
	rig.RemoveCgroups()
	list, _ := filepath.Glob(filepath.Join(os.TempDir(), rig.Marker+"-*"))
	for _, left := range list {
		err = errors.Join(err, os.RemoveAll(left))
	}
	if err != nil {
		return fail(err)
	}
	return 0
}

// here are the names in the working directory.
func here() ([]string, error) {
	list, err := os.ReadDir(".")
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names, err
}

// nothingNew is an error when the tests have left a file in the working directory.
func nothingNew(before []string) error {
	after, err := here()
	for _, name := range after {
		if !slices.Contains(before, name) {
			err = errors.Join(err, fmt.Errorf("left behind: tests/engines/%s", name))
		}
	}
	return err
}

// prepare makes the mount namespace: shared as systemd's is, a /proc of the
// PID namespace, and a /run of our own: shims have their sockets in
// /run/containerd and runtimes their state in /run/NAME, whatever an engine's
// configuration says.
func prepare() error {
	for _, flags := range []uintptr{unix.MS_REC | unix.MS_PRIVATE, unix.MS_REC | unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", flags, ""); err != nil {
			return fmt.Errorf("set propagation of /: %w", err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return giveIDs()
}

// giveIDs makes a user without privileges, and gives ids to podman for
// --userns=auto, to docker for userns-remap, and to the user.
func giveIDs() error {
	add := func(path, text string) error {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		own := "/run/" + filepath.Base(path)
		if err := os.WriteFile(own, append(old, text...), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(own, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
		return nil
	}
	ids := fmt.Sprintf("containers:1000000:1000000\ndaemon:%d:65536\n%s:300000:65536\n", mapped, userName)
	return errors.Join(add("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::/:/bin/sh\n", userName, userID, userID)), add("/etc/group", fmt.Sprintf("%s:x:%d:\n", userName, userID)),
		add("/etc/subuid", ids), add("/etc/subgid", ids))
}

// build compiles minirun in its own module.
func build(path string) error {
	cmd := exec.Command("go", "build", "-C", "../..", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/minirun")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build minirun: %w\n%s", err, out)
	}
	return nil
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "engines:", err)
	return 1
}
