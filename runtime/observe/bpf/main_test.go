package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
)

// The test executable is minirun-observe when it is started as such.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--level" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// needRoot skips for who cannot load programs anyway; in CI that is a failure.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("it needs root")
	}
	t.Skip("it needs root")
}

// open starts the source, for the next namespace that this process makes.
func open(t *testing.T) observe.Source {
	t.Helper()
	needRoot(t)
	s, err := helper.Open(helper.Options{Path: os.Args[0], Expect: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

// collect reads all events, in the background, and sorts them at the end.
func collect(t *testing.T, s observe.Source) (events func() []observe.Event) {
	t.Helper()
	var all []observe.Event
	done := make(chan error, 1)
	go func() {
		buf := make([]observe.Event, 1024)
		for {
			n, err := s.Read(buf)
			all = append(all, buf[:n]...)
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return func() []observe.Event {
		t.Helper()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != io.EOF {
			t.Fatal(err)
		}
		slices.SortStableFunc(all, func(a, b observe.Event) int { return cmp.Compare(a.Time, b.Time) })
		return all
	}
}

// container starts a program as PID 1 of a new namespace.
func container(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Setsid: true}
	c.Stderr = os.Stderr
	return c
}

// begin starts a container and attaches to it.
func begin(t *testing.T, s observe.Source, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill()
			c.Wait()
		}
	})
	if err := s.Attach(observe.Container{Pid: c.Process.Pid, PidNS: namespace(t, c), Level: 1}); err != nil {
		t.Fatal(err)
	}
}

// namespace is the inode of a container's PID namespace.
func namespace(t *testing.T, c *exec.Cmd) uint64 {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d/ns/pid", c.Process.Pid), &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}

// observed runs a program as PID 1 and returns what was seen of it.
func observed(t *testing.T, args ...string) (init int32, events []observe.Event) {
	t.Helper()
	s := open(t)
	c := container(t, args...)
	in, err := c.StdinPipe() // which stays open and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	begin(t, s, c)
	all := collect(t, s)
	var status *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	events = all()
	if s.Lost() != 0 {
		t.Fatalf("%d events are lost", s.Lost())
	}
	return int32(c.Process.Pid), events
}

// python runs a script as PID 1.
func python(t *testing.T, script string, args ...string) (init int32, events []observe.Event) {
	t.Helper()
	return observed(t, append([]string{"/usr/bin/python3", "-S", "-c", strings.TrimSpace(script)}, args...)...)
}
