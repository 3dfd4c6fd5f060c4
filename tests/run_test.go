package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func TestRunExitsAsTheContainerDoes(t *testing.T) {
	for _, c := range []struct {
		script string
		code   int
	}{
		{"exit 0", 0}, {"exit 3", 3}, {"exit 127", 127}, {"exit 255", 255},
		// PID 1 cannot kill itself: the kernel drops the signal of a namespace's
		// init to itself, so a signal death is one from outside (below).
		{"kill -KILL $$; exit 5", 5},
	} {
		t.Run(c.script, func(t *testing.T) {
			if x := rig.New(t).Container(rig.Sh(c.script)).Run(); x.Code != c.code {
				t.Errorf("code %d, not %d (stderr: %s)", x.Code, c.code, x.Stderr)
			}
		})
	}
}

// ready is a script that says so, then waits for its traps.
func ready(traps string) rig.Mod {
	return rig.Sh(traps + `; echo ready; while :; do sleep 0.01; done`)
}

// runReady starts `run` and waits until the script says that it is ready.
func runReady(c *rig.Container, flags ...string) *rig.Call {
	c.Helper()
	call := c.Spawn(append(append([]string{"run", "--bundle", c.Bundle}, flags...), c.ID))
	if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "ready") }) {
		c.Errorf("the container is not ready: %+v", call.Wait())
	}
	return call
}

func TestRunReportsDeathBySignal(t *testing.T) {
	c := rig.New(t).Container(ready("true"))
	call := runReady(c)
	c.Kill("KILL")
	if x := call.Wait(); x.Code != 137 {
		t.Errorf("code %d, not 137", x.Code)
	}
}

// runc forwards every signal but CHLD, WINCH (a resize) and URG (Go's own).
func TestRunForwardsSignals(t *testing.T) {
	signals := []struct {
		name string
		sig  syscall.Signal
	}{
		{"HUP", unix.SIGHUP}, {"INT", unix.SIGINT}, {"QUIT", unix.SIGQUIT}, {"USR1", unix.SIGUSR1}, {"USR2", unix.SIGUSR2},
		{"PIPE", unix.SIGPIPE}, {"ALRM", unix.SIGALRM}, {"TERM", unix.SIGTERM}, {"CONT", unix.SIGCONT}, {"TSTP", unix.SIGTSTP},
		{"VTALRM", unix.SIGVTALRM}, {"IO", unix.SIGIO}, {"PWR", unix.SIGPWR}, {"40", 40},
	}
	traps := `set -e`
	for _, s := range signals {
		traps += fmt.Sprintf(`; trap "echo got %s" %s`, s.name, s.name)
	}
	r := rig.New(t)
	c := r.Container(ready(traps + `; trap "exit 6" XCPU`))
	call := runReady(c)
	for _, s := range signals {
		call.Signal(s.sig)
		if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "got "+s.name+"\n") }) {
			t.Fatalf("%v has not reached the container", s.sig)
		}
	}
	call.Signal(unix.SIGXCPU)
	if x := call.Wait(); x.Code != 6 {
		t.Errorf("code %d, not 6: %s", x.Code, x.Stderr)
	}
}

// A signal in the first moments may end the run, but may neither be lost for
// ever nor leave anything.
func TestRunIsInterruptedAtAnyTime(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("no moment of run is without a way out")
	c := r.Container(ready(`trap "exit 6" TERM`))
	for delay := time.Duration(0); delay < 40*time.Millisecond; delay += 500 * time.Microsecond {
		call := c.Spawn([]string{"run", "--bundle", c.Bundle, c.ID})
		time.Sleep(delay)
		for rig.Stat(call.Cmd.Process.Pid).State != 'Z' {
			call.Signal(unix.SIGTERM)
			time.Sleep(2 * time.Millisecond)
		}
		if x := call.Wait(); x.Code == 0 {
			t.Fatalf("TERM after %v: code 0", delay)
		}
		if c.Exists() {
			c.MustDelete("--force")
		}
	}
}

func TestRunWithKeepLeavesAStoppedContainer(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 has no --keep")
	c := r.Container(rig.Sh("exit 2"))
	x := r.Do("run", "--keep", "--bundle", c.Bundle, c.ID)
	if x.Code != 2 {
		t.Errorf("code %d, not 2: %s", x.Code, x.Stderr)
	}
	if got := c.Status(); got != "stopped" {
		t.Errorf("status %s", got)
	}
	c.MustDelete()
}

func TestDetachedRun(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("read x </fifo; exit 11"))
	fifo(t, c.Rootfs()+"/fifo")
	pidFile := r.Path("pid")
	r.OK("run", "-d", "--pid-file", pidFile, "-b", c.Bundle, c.ID)
	pid, err := strconv.Atoi(r.Read(pidFile))
	if err != nil {
		t.Fatalf("pid file: %v", err)
	}
	if s := c.State(); s.Status != "running" || s.Pid != pid {
		t.Errorf("state is %+v, the pid file has %d", s, pid)
	}
	if r.Shell("echo >"+c.Rootfs()+"/fifo") != 0 {
		t.Fatal("echo")
	}
	if code := rig.Reap(pid); code != 11 {
		t.Errorf("the orphan's code is %d, not 11", code)
	}
	c.WaitStopped()
	c.MustDelete()
}

// go-runc calls strconv.Atoi on what it reads.
func TestPidFileIsJustTheNumber(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	file := r.Write("pid", "an older and longer content", 0o644)
	c.MustCreate("--pid-file", file)
	if got, want := r.Read(file), strconv.Itoa(c.Pid()); got != want {
		t.Errorf("pid file holds %q, not %q", got, want)
	}
	if left, _ := filepath.Glob(r.Path(".*pid*")); len(left) > 0 {
		t.Errorf("temporary files %v", left)
	}
}

// A reader never sees a part of the pid file: it is renamed into place.
func TestPidFileIsAtomic(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	file := r.Path("pid")
	seen := make(chan string)
	go func() {
		for {
			if data, err := os.ReadFile(file); err == nil {
				seen <- string(data)
				return
			}
		}
	}()
	c.MustCreate("--pid-file", file)
	if got, want := <-seen, strconv.Itoa(c.Pid()); got != want {
		t.Errorf("the first sight of the pid file is %q, not %q", got, want)
	}
}

func TestPidFileThatCannotBeWritten(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	x := c.Create("--pid-file", r.Path("no/such/directory/pid"))
	if x.Code == 0 {
		t.Fatal("create succeeded")
	}
	if c.Exists() {
		t.Error("and the container is there")
		c.MustDelete("--force")
	}
}

// Engines find the init among their own children: whatever the runtime started
// in between is gone, and the status is the init's own.
func TestInitIsOrphanedToTheSubreaper(t *testing.T) {
	c := rig.New(t).Container(rig.Sh("exit 42")).MustCreate()
	pid := c.Pid()
	if ppid := rig.Stat(pid).PPid; ppid != os.Getpid() {
		t.Errorf("parent of init is %d, not the subreaper %d", ppid, os.Getpid())
	}
	if all := rig.OurProcesses(); len(all) != 1 {
		t.Errorf("processes after create: %v, the init is %d", all, pid)
	}
	c.MustStart()
	if code := rig.Reap(pid); code != 42 {
		t.Errorf("code %d, not 42", code)
	}
	c.WaitStopped()
	c.MustDelete()
}

// The shim starts the runtime with PR_SET_PDEATHSIG; that must not reach the init.
func TestInitSurvivesTheRuntimesParent(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	x := c.CreateWith([]rig.Option{func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }})
	if x.Code != 0 {
		t.Fatal(x.Stderr)
	}
	c.MustStart()
	if got := c.Status(); got != "running" {
		t.Errorf("status %s", got)
	}
}

func TestEmptyEnvironment(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("exit 8"))
	bare := []rig.Option{rig.Env()}
	for _, args := range [][]string{{"create", "--bundle", c.Bundle, c.ID}, {"start", c.ID}} {
		if x := r.DoWith(bare, args...); x.Code != 0 {
			t.Fatalf("%v: code %d: %s", args, x.Code, x.Stderr)
		}
	}
	c.WaitStopped()
	if x := r.DoWith([]rig.Option{rig.Env("XDG_RUNTIME_DIR=")}, "delete", c.ID); x.Code != 0 {
		t.Errorf("delete: code %d: %s", x.Code, x.Stderr)
	}
}

// The caller's environment is the engine's business; nothing of it goes in.
func TestCallersEnvironmentStaysOutside(t *testing.T) {
	c := rig.New(t).Container(rig.Args("env"))
	c.Spec.Process.Env = []string{"PATH=/bin", "ONLY=this"}
	c.Edit()
	got := strings.Fields(c.Output())
	for _, e := range got {
		if e != "PATH=/bin" && e != "ONLY=this" && !strings.HasPrefix(e, "HOME=") {
			t.Errorf("the container has %s", e)
		}
	}
}

// The bundle is the working directory when no --bundle is given.
func TestBundleDefaultsToTheWorkingDirectory(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("exit 5"))
	if x := r.DoWith([]rig.Option{rig.Cwd(c.Bundle)}, "run", c.ID); x.Code != 5 {
		t.Errorf("code %d, not 5: %s", x.Code, x.Stderr)
	}
}

func TestRelativeBundle(t *testing.T) {
	r := rig.New(t)
	c := r.Container()
	if x := r.DoWith([]rig.Option{rig.Cwd(r.Dir)}, "create", "-b", filepath.Base(c.Bundle), c.ID); x.Code != 0 {
		t.Fatalf("code %d: %s", x.Code, x.Stderr)
	}
	if got := c.State().Bundle; got != c.Bundle {
		t.Errorf("bundle %q, not %q", got, c.Bundle)
	}
}

func TestAbsoluteRootPath(t *testing.T) {
	c := rig.New(t).Container(rig.Sh("exit 5"))
	c.Spec.Root.Path = c.Rootfs()
	c.Edit()
	if x := c.Run(); x.Code != 5 {
		t.Errorf("code %d, not 5: %s", x.Code, x.Stderr)
	}
}

// A state root may be deeper than a socket's address is long (108 bytes).
func TestLongStateRoot(t *testing.T) {
	r := rig.New(t)
	r.Root = r.Mkdir(strings.Repeat("long-directory-name/", 12))
	c := r.Container(rig.Sh("exit 5")).MustCreate()
	pid := c.Pid()
	c.MustStart()
	if code := rig.Reap(pid); code != 5 {
		t.Errorf("code %d, not 5", code)
	}
	c.MustDelete()
}
