package bpf

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
)

// first is the first record of a minirun-observe that is started so.
func first(t *testing.T, c *exec.Cmd) observe.Event {
	t.Helper()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, _ := c.Output()
	e, size, err := observe.DecodeWire(out)
	if err != nil || size == 0 {
		t.Fatalf("%x, %v: %s", out, err, &stderr)
	}
	return e
}

// everyone is a copy of the test executable that any user may start.
func everyone(t *testing.T) string {
	t.Helper()
	needRoot(t)
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "minirun-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, helper.Program)
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhoMayLoadAndWhoIsToldWhyNot(t *testing.T) {
	path := everyone(t)
	for _, c := range []struct {
		name string
		caps []uintptr
		want string // in the line
	}{
		{"no capability", nil, "CAP_BPF and CAP_PERFMON missing: "},
		{"without CAP_PERFMON", []uintptr{unix.CAP_BPF}, "CAP_PERFMON missing: "},
		{"without CAP_BPF", []uintptr{unix.CAP_PERFMON}, "CAP_BPF missing: "},
		{"with both", []uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "attached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(path, "--level", "1")
			cmd.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: c.caps, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			e := first(t, cmd)
			if !strings.HasPrefix(e.Text, c.want) || strings.Contains(e.Text, "\n") {
				t.Errorf("%q", e.Text)
			}
			if failed := c.want != "attached"; failed != (e.State == helper.Failed && syscall.Errno(e.Status) == unix.EPERM) {
				t.Errorf("state %c, status %d", e.State, e.Status)
			}
		})
	}
}

func TestAKernelWithoutBTF(t *testing.T) {
	needRoot(t)
	cmd := exec.Command("/bin/sh", "-c", `mount -t tmpfs none /sys/kernel/btf && exec "$0" --level 1`, os.Args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	e := first(t, cmd)
	if e.State != helper.Failed || syscall.Errno(e.Status) != unix.ENOENT || !strings.HasPrefix(e.Text, "the kernel has no BTF") {
		t.Errorf("%c %d %q", e.State, e.Status, e.Text)
	}
}

func TestWithinAContainerItDoesNotStart(t *testing.T) {
	needRoot(t)
	cmd := exec.Command("/usr/bin/unshare", "--fork", "--pid", "--mount-proc", os.Args[0], "--level", "1")
	e := first(t, cmd)
	if e.State != helper.Failed || !strings.Contains(e.Text, "from within a container") {
		t.Errorf("%c %q", e.State, e.Text)
	}
}

// The source says why it is not there, and the errno is not lost on the way.
func TestTheSourceIsUnavailableInOneLine(t *testing.T) {
	_, err := helper.Open(helper.Options{Path: filepath.Join(t.TempDir(), helper.Program)})
	var u *observe.Unavailable
	if !errors.As(err, &u) || u.Origin != observe.BPF || !errors.Is(err, unix.ENOENT) || strings.Contains(err.Error(), "\n") {
		t.Errorf("err = %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := helper.Open(helper.Options{}); !errors.As(err, &u) || !errors.Is(err, unix.ENOENT) {
		t.Errorf("err = %v", err)
	}
	for _, program := range []string{"/bin/true", "/bin/false"} { // they say nothing
		if _, err := helper.Open(helper.Options{Path: program}); !errors.As(err, &u) {
			t.Errorf("%s: err = %v", program, err)
		}
	}
}
