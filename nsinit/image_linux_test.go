package nsinit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// helloImage writes a word and exits with 42.
func helloImage(t testing.TB) *Image {
	return mustAssemble(t, plan(do("write", konst(1), addr(text("hello")), konst(5)), exit(42)).on(runtime.GOARCH))
}

// executeHello executes the image behind a descriptor.
func executeHello(fd int) error {
	out, err := exec.Command(fmt.Sprintf("/proc/self/fd/%d", fd)).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 42 || string(out) != "hello" {
		return fmt.Errorf("execute image: %q, %v", out, err)
	}
	return nil
}

// checkFile demands what both kinds of file have: the image, to be read by
// its owner only, and a descriptor that does not outlive an execve.
func checkFile(im *Image, fd int) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		return fmt.Errorf("descriptor flags are %#x, %v", flags, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&0o7777 != 0o500 || st.Nlink != 0 {
		return fmt.Errorf("mode %#o, %d links, %v", st.Mode, st.Nlink, err)
	}
	content := make([]byte, st.Size)
	if _, err := unix.Pread(fd, content, 0); err != nil || !bytes.Equal(content, im.ELF) {
		return fmt.Errorf("content differs: %v", err)
	}
	return nil
}

func TestMemfdIsSealed(t *testing.T) {
	im := helloImage(t)
	fd, err := im.Memfd("image", "/nonexistent")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(checkFile(im, fd), executeHello(fd)); err != nil {
		t.Error(err)
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil || !strings.Contains(name, "memfd:image") {
		t.Errorf("file is %s, %v", name, err)
	}
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	const want = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if err != nil || seals&want != want {
		t.Errorf("seals are %#x, %v", seals, err)
	}
	if _, err := unix.Pwrite(fd, []byte{0}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want EPERM", err)
	}
	if _, err := os.Stat("/proc/sys/vm/memfd_noexec"); err == nil { // came with the seal, in Linux 6.3
		if err := unix.Fchmod(fd, 0o600); !errors.Is(err, unix.EPERM) {
			t.Errorf("chmod: %v, want EPERM", err)
		}
	}
}

// The fallback needs vm.memfd_noexec=2, which the helper process sets in a
// PID namespace of its own.
func TestMemfdFallsBackToNamelessFile(t *testing.T) {
	if _, err := os.Stat("/proc/sys/vm/memfd_noexec"); err != nil {
		t.Skip("memfds are executable before Linux 6.3:", err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestNamelessHelper$", "-test.v")
	cmd.Env = append(os.Environ(), "NAMELESS_DIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("nameless file works")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNamelessHelper is a process of TestMemfdFallsBackToNamelessFile.
func TestNamelessHelper(t *testing.T) {
	dir := os.Getenv("NAMELESS_DIR")
	if dir == "" {
		return // it is not a test of its own
	}
	if err := os.WriteFile("/proc/sys/vm/memfd_noexec", []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
	im := helloImage(t)
	fd, err := im.Memfd("image", dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(checkFile(im, fd), executeHello(fd)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte{0}); !errors.Is(err, unix.EBADF) {
		t.Errorf("write: %v, want EBADF", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("directory has %v, %v", entries, err)
	}
	if _, err := im.Memfd("image", "/nonexistent"); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "memfd_noexec") {
		t.Errorf("error is %v", err)
	}
	if _, err := im.Memfd("image", "/proc"); err == nil {
		t.Error("procfs holds an image")
	}
	t.Log("nameless file works")
}

func TestNamelessFileRefusesNoexecMount(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	_, err := helloImage(t).nameless(dir)
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "mounted noexec") {
		t.Errorf("error is %v", err)
	}
}

// What waits as a container's PID 1 has a few pages, two of them the stack's.
func TestImageMemory(t *testing.T) {
	for _, test := range []struct{ steps, limit int }{{40, 24}, {400, 32}} {
		wait := plan(do("ppoll", konst(0), konst(0), konst(0), konst(0), konst(0)))
		wait.Steps = append(wait.Steps, birth(test.steps).Steps...)
		cmd := command(t, mustAssemble(t, wait.on(runtime.GOARCH)), runtime.GOARCH)
		cmd.Env = []string{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", cmd.Process.Pid))
		if err := errors.Join(err, cmd.Process.Kill()); err != nil {
			t.Error(err)
		}
		cmd.Wait() // killed
		_, after, _ := strings.Cut(string(rollup), "\nPss:")
		var kB int
		if _, err := fmt.Sscan(after, &kB); err != nil || kB == 0 || kB > test.limit {
			t.Errorf("%d steps: Pss is %d kB, %v; want 1 to %d\n%s", test.steps, kB, err, test.limit, rollup)
		}
		t.Logf("%d steps: %d kB", test.steps, kB)
	}
}
