package tracefs

import (
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// opened is a source that the test closes, and looks whether it is gone then.
func opened(t *testing.T) *Source {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.instance.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", s.instance.dir, err)
		}
	})
	return s
}

// A namespace is a shell that is PID 1, and waits for a line before it begins.
type namespace struct {
	*osexec.Cmd
	c     observe.Container
	stdin io.WriteCloser
	said  *os.File
}

func newNamespace(t *testing.T, script string) *namespace {
	t.Helper()
	n := &namespace{Cmd: osexec.Command("/bin/sh", "-c", "read line; "+script)}
	var err error
	if n.stdin, err = n.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n.Stdout, n.said = w, out
	n.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, PidFD: &n.c.Pidfd}
	err = n.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Process.Kill()
		n.Wait()
		out.Close()
		unix.Close(n.c.Pidfd)
	})
	var st unix.Stat_t
	n.c.Pid, n.c.Level = n.Process.Pid, 1
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/pid", n.c.Pid), &st); err != nil {
		t.Fatal(err)
	}
	n.c.PidNS = st.Ino
	return n
}

// observed attaches, and lets the shell go on until it says so.
func (n *namespace) observed(t *testing.T, s *Source) {
	t.Helper()
	if err := s.Attach(n.c); err != nil {
		t.Fatal(err)
	}
	if _, err := n.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	n.said.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := n.said.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
}

// all stops the source and reads it to its end.
func all(t *testing.T, s *Source) (list []observe.Event) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	buf := make([]observe.Event, 7)
	for {
		n, err := s.Read(buf)
		list = append(list, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortStableFunc(list, func(a, b observe.Event) int { return int(a.Time - b.Time) })
	return list
}

// line is what a test compares.
func line(e observe.Event) string {
	switch text := fmt.Sprintf("%v %d", e.Kind, e.Task.Inside); e.Kind {
	case observe.Generate:
		return fmt.Sprintf("%s>%d %d code %d res %d", text, e.Target.Inside, e.Signal, e.Code, e.Result)
	case observe.Deliver:
		return fmt.Sprintf("%s %d handler %t", text, e.Signal, e.Handler > 1)
	case observe.Exit:
		return fmt.Sprintf("%s %#x", text, e.Status)
	case observe.Fork, observe.Reap:
		return fmt.Sprintf("%s>%d", text, e.Target.Inside)
	default:
		return text
	}
}

// inOrder finds each wanted line after the one before.
func inOrder(t *testing.T, list []observe.Event, want ...string) {
	t.Helper()
	var have []string
	i := 0
	for _, e := range list {
		have = append(have, line(e))
		if i < len(want) && have[len(have)-1] == want[i] {
			i++
		}
	}
	if i < len(want) {
		t.Errorf("no %q in its place in\n%s", want[i], strings.Join(have, "\n"))
	}
}

func TestTheEndOfANamespace(t *testing.T) {
	s := opened(t)
	n := newNamespace(t, "sleep 1000 & sleep 1000 & kill -TERM 1; sh -c 'exit 3'; trap : USR1; kill -USR1 1; echo; read line")
	n.observed(t, s)
	n.Process.Kill()
	n.Wait()
	list := all(t, s)
	inOrder(t, list, "fork 1>2", "fork 1>3", "generate 1>1 15 code 0 res 1", "fork 1>4", "exec 4", "exit 4 0x300", "reap 4>1",
		"generate 1>1 10 code 0 res 0", "deliver 1 10 handler true",
		"generate 0>1 9 code 0 res 0", "deliver 1 9 handler false", "exit 1 0x9", "generate 1>2 9 code 128 res 0", "exit 2 0x9", "generate 1>0 17 code 2 res 0")
	inOrder(t, list, "generate 1>3 9 code 128 res 0", "deliver 3 9 handler false", "exit 3 0x9", "generate 1>0 17 code 2 res 0")
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
	name := "sh" // of 2, which on a busy machine ends before its execve
	for _, e := range list {
		if e.Kind == observe.Exec && e.Task.Inside == 2 {
			name = "sleep"
		}
		if e.Kind == observe.Exec && e.Task.Inside == 4 && e.Task.Name() != "sh" || e.Kind == observe.Exit && e.Task.Inside == 2 && e.Task.Name() != name {
			t.Errorf("%s is called %q", line(e), e.Task.Name())
		}
	}
}

// Who reads too late hears how much is missing.
func TestLostEventsAreCounted(t *testing.T) {
	s := opened(t)
	if err := s.instance.write("buffer_size_kb", "16"); err != nil {
		t.Fatal(err)
	}
	n := newNamespace(t, "echo; read line")
	n.observed(t, s)
	const many = 20000
	for range many {
		n.Process.Signal(unix.SIGCONT)
	}
	list := all(t, s)
	var got, lost uint64
	for _, e := range list {
		switch e.Kind {
		case observe.Generate:
			got++
		case observe.Lost:
			lost += e.Count
		}
	}
	if got+lost < many || got == 0 || lost == 0 || lost != s.Lost() {
		t.Errorf("%d signals and %d lost (%d) of %d", got, lost, s.Lost(), many)
	}
}

func TestReadEndsWhenStopIsCalledMeanwhile(t *testing.T) {
	s := opened(t)
	n := newNamespace(t, "echo; read line")
	n.observed(t, s)
	end := make(chan error)
	go func() {
		buf := make([]observe.Event, 1000)
		for {
			if _, err := s.Read(buf); err != nil {
				end <- err
				return
			}
		}
	}()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-end:
		if err != io.EOF {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Read does not return")
	}
}

// A killed observer leaves its instance; the next one removes it, and no other's.
func TestWhatAKilledOneLeftIsSwept(t *testing.T) {
	s := opened(t)
	us, err := owner(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(us, "-")
	instances := filepath.Join(s.instance.tracefs, "instances")
	gone := filepath.Join(instances, prefix+parts[0]+"-"+parts[1]+"-1-0") // our pid, of an earlier life
	foreign := filepath.Join(instances, prefix+"1-"+parts[1]+"-1-0")      // of another PID namespace
	for _, dir := range []string{gone, foreign} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer unix.Rmdir(dir)
	}
	opened(t)
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale one is there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("the other's: %v", err)
	}
	if _, err := os.Stat(s.instance.dir); err != nil {
		t.Errorf("ours: %v", err)
	}
}
