package runtime

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// The test binary plays the other process where a test needs one: with
// RUNTIME_TEST_ROLE it does what the role says and does not return.
func init() {
	role, arg := os.Getenv("RUNTIME_TEST_ROLE"), os.Getenv("RUNTIME_TEST_ARG")
	switch role {
	case "":
		return
	case "leaderless":
		leaderless()
	case "claim":
		claimForParent(arg)
	case "lock":
		lockUntilKilled(arg)
	case "parent":
		parentOf()
	case "end", "execute", "execute before":
		hangUpBy(role, arg)
	}
	os.Exit(0)
}

// player starts the test binary in a role; line is what it first says.
func player(t *testing.T, role, arg string, attr *syscall.SysProcAttr) (cmd *exec.Cmd, line string) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "RUNTIME_TEST_ROLE="+role, "RUNTIME_TEST_ARG="+arg)
	cmd.SysProcAttr = attr
	return cmd, startAndHear(t, cmd)
}

func startAndHear(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", cmd, err)
	}
	return strings.TrimSpace(line)
}

// leaderless ends the main thread of the process and keeps another.
func leaderless() {
	go func() {
		for stat, err := statOf(procPath(os.Getpid())); err == nil && stat.State != 'Z'; stat, err = statOf(procPath(os.Getpid())) {
			unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0) // init runs on the main thread
}

// parentOf has one child that does nothing, and waits for the end of stdin.
func parentOf() {
	child := exec.Command("/bin/sleep", "1000")
	if err := child.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(child.Process.Pid)
	io.Copy(io.Discard, os.Stdin)
}

// sleeper starts a process that does nothing, killed at the end of the test.
func sleeper(t *testing.T, attr *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// recordOf is the record of a process as create would write it.
func recordOf(t *testing.T, id string, pid int) *Record {
	t.Helper()
	r := &Record{ID: id, Pid: pid, Created: time.Now()}
	var err error
	if r.StartTime, err = StartTime(pid); err != nil {
		t.Fatal(err)
	}
	if r.BootID, err = BootID(); err != nil {
		t.Fatal(err)
	}
	if r.PidNS, err = pidNSOf(pid); err != nil {
		t.Fatal(err)
	}
	return r
}

// group makes a cgroup, which is emptied and removed at the end of the test.
func group(t *testing.T) *cgroups.Group {
	t.Helper()
	host, err := cgroups.Look()
	if err != nil {
		t.Fatal(err)
	}
	name := "/minirun-test-" + strconv.Itoa(os.Getpid()) + "-" + strings.Map(wordOnly, t.Name())
	g, err := host.Group(name, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Kill(); err != nil {
			t.Error(err)
		}
		if err := g.Delete(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func wordOnly(c rune) rune {
	if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
		return c
	}
	return '-'
}

// join puts processes into a group. A test that leaves it frozen must not wait
// for them for ever.
func join(t *testing.T, g *cgroups.Group, pids ...int) {
	t.Helper()
	t.Cleanup(func() { g.Kill() })
	for _, pid := range pids {
		if err := g.Join(pid); err != nil {
			t.Fatal(err)
		}
	}
}

// testRuntime has a store of its own, and collects warnings.
func testRuntime(t *testing.T) (*Runtime, *[]string) {
	t.Helper()
	warnings := new([]string)
	return &Runtime{
		Store: Store{Root: t.TempDir()},
		Warn:  func(msg string) { *warnings = append(*warnings, msg) },
	}, warnings
}

// keep puts a record into the store, as a create that is done would.
func keep(t *testing.T, s Store, r *Record) {
	t.Helper()
	d, err := s.Claim(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(d.Write(*r), d.Close()); err != nil {
		t.Fatal(err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// soon is long enough for whatever takes no time on an idle machine.
const soon = 30 * time.Second

// wantStatus asks the runtime.
func wantStatus(t *testing.T, rt *Runtime, id string, want Status) {
	t.Helper()
	s, err := rt.State(id)
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != want {
		t.Errorf("%s is %s, want %s", id, s.Status, want)
	}
}

// endedBy waits for a child and wants to hear that a signal ended it.
func endedBy(t *testing.T, cmd *exec.Cmd, want syscall.Signal) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(soon):
		t.Fatalf("process %d is still there", cmd.Process.Pid)
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != want {
		t.Errorf("process %d: %v, want %v", cmd.Process.Pid, cmd.ProcessState, want)
	}
}

// stillRuns wants a child not to have ended.
func stillRuns(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stat, err := statOf(procPath(cmd.Process.Pid))
	if err != nil || stat.State == 'Z' {
		t.Errorf("process %d: %c, %v; want it to live", cmd.Process.Pid, stat.State, err)
	}
}

// becomesZombie waits until a child has ended, without reaping it.
func becomesZombie(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if ended, err := pollUntil(readable(fd), time.Now().Add(soon)); !ended {
		t.Fatalf("process %d has not ended: %v", pid, err)
	}
}
