package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/stop"
)

// gatedInit is shInit, with a script that reads a line before it ends.
func gatedInit(t *testing.T, rt *Runtime, id, script string) (cmd *exec.Cmd, end func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = scriptInit(t, rt, id, script, r)
	r.Close()
	return cmd, func() { w.Close() } // read fails at the end of file, and the script goes on
}

// awaitPidfds waits until this process has so many pidfds of a process.
func awaitPidfds(t *testing.T, pid, want int) {
	t.Helper()
	line := fmt.Sprintf("\nPid:\t%d\n", pid)
	for end := time.Now().Add(soon); ; time.Sleep(100 * time.Microsecond) {
		have := 0
		for _, fd := range numbersIn("/proc/self/fdinfo") {
			if link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); !strings.Contains(link, "pidfd") {
				continue
			}
			text, _ := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
			if strings.Contains(string(text), line) {
				have++
			}
		}
		if have >= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d pidfds of %d, want %d", have, pid, want)
		}
	}
}

// awaitPoll waits until a thread of this process sleeps in ppoll(2), which unix.Poll is.
func awaitPoll(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(soon); ; time.Sleep(100 * time.Microsecond) {
		for _, tid := range numbersIn("/proc/self/task") {
			text, _ := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/syscall")
			nr, _, _ := strings.Cut(string(text), " ")
			if nr == strconv.Itoa(unix.SYS_PPOLL) {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("no thread polls")
		}
	}
}

// shInit starts a script as the init of a PID namespace of its own, and keeps
// a record of it under an id.
func shInit(t *testing.T, rt *Runtime, id, script string) (*exec.Cmd, *Record) {
	t.Helper()
	cmd := scriptInit(t, rt, id, script, nil)
	r, err := rt.Store.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, r
}

func scriptInit(t *testing.T, rt *Runtime, id, script string, stdin *os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	startInit(t, rt, id, cmd)
	return cmd
}

// startInit starts a command as the init of a PID namespace of its own, and
// keeps a record of it.
func startInit(t *testing.T, rt *Runtime, id string, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = newPidNS
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := recordOf(t, id, cmd.Process.Pid)
	r.OwnPidNS = true
	keep(t, rt.Store, r)
}

// reaped is how a child has ended, reaped by its parent at last.
func reaped(cmd *exec.Cmd) unix.WaitStatus {
	cmd.Wait()
	return unix.WaitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus))
}

// stopped calls Stop and returns the report too.
func stopped(rt *Runtime, id string, o StopOptions) (*ExitRecord, string, error) {
	var report strings.Builder
	o.Tell = func(e StopEvent) { report.WriteString(e.What + "\t" + e.Line() + "\n") }
	e, err := rt.Stop(id, o)
	return e, report.String(), err
}

func TestStopWithoutAPIDNamespaceTakesTheCgroup(t *testing.T) {
	for _, when := range []string{"running", "init dead", "paused"} {
		p := populate(t)
		switch when {
		case "init dead":
			p.endInit(t)
		case "paused":
			if err := p.g.Freeze(); err != nil {
				t.Fatal(err)
			}
		}
		_, report, err := stopped(p.rt, "c1", StopOptions{Grace: time.Minute, Limit: 10 * time.Second})
		if err != nil || !strings.Contains(report, "gone\t") {
			t.Fatalf("%s: %v\n%s", when, err, report)
		}
		for _, o := range p.others {
			endedBy(t, o, syscall.SIGKILL) // TERM was for the init
		}
		if when != "init dead" {
			endedBy(t, p.init, syscall.SIGTERM)
		}
	}
}

func TestStopNeverLeavesWhatIsLeft(t *testing.T) {
	p := populate(t)
	_, report, err := stopped(p.rt, "c1", StopOptions{Grace: stop.Never, Limit: 300 * time.Millisecond})
	if !errors.Is(err, ErrGaveUp) || !strings.Contains(report, "blocker\t") {
		t.Errorf("%v\n%s", err, report)
	}
	endedBy(t, p.init, syscall.SIGTERM)
	for _, o := range p.others {
		stillRuns(t, o)
	}
}

func TestStopOfWhatIsNotThere(t *testing.T) {
	rt, _ := testRuntime(t)
	if _, err := rt.Stop("c1", StopOptions{}); err != ErrNotExist {
		t.Error(err)
	}
	r := recordOf(t, "c1", sleeper(t, nil).Process.Pid)
	r.Creating = true
	keep(t, rt.Store, r)
	if _, err := rt.Stop("c1", StopOptions{}); err != ErrCreating {
		t.Error(err)
	}
}

// Both the init and the zombie are held by processes outside of the container.
func TestStopNamesTheParentThatDoesNotWait(t *testing.T) {
	rt, _ := testRuntime(t)
	init, _ := shInit(t, rt, "c1", "sleep 1000; :")
	parent := exec.Command("nsenter", "--pid", "--target", strconv.Itoa(init.Process.Pid), "sleep", "1000")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parent.Process.Kill(); parent.Wait() })
	var child int
	for end, comm := time.Now().Add(soon), ""; comm != "sleep\n"; time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(procPath(parent.Process.Pid) + "/task/" + strconv.Itoa(parent.Process.Pid) + "/children")
		child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		name, _ := os.ReadFile(procPath(child) + "/comm")
		comm = string(name)
		if time.Now().After(end) {
			t.Fatal("nsenter has not started its program")
		}
	}
	parent.Process.Signal(unix.SIGSTOP) // so that it does not wait for its child
	for stat, err := statOf(procPath(parent.Process.Pid)); stat.State != 'T'; stat, err = statOf(procPath(parent.Process.Pid)) {
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	_, report, err := stopped(rt, "c1", StopOptions{Grace: 0, Limit: time.Second})
	want := fmt.Sprintf("%d (sleep) Z, not waited for by its parent %d (nsenter) outside the container", child, parent.Process.Pid)
	if hasSched() {
		want += ", for "
	}
	if !errors.Is(err, ErrGaveUp) || !strings.Contains(err.Error(), want) || !strings.Contains(report, want) {
		t.Errorf("got %v\n%s\nwant %s", err, report, want)
	}
	parent.Process.Signal(unix.SIGCONT)
	e, report, err := stopped(rt, "c1", StopOptions{Grace: 0, Limit: 10 * time.Second})
	if err != nil || e.Status != 9 || e.Reason != Stop {
		t.Errorf("%+v, %v\n%s", e, err, report)
	}
	if s := reaped(init); s != 9 {
		t.Errorf("status %#x", s)
	}
}

// pidfdsTell is whether this kernel has PIDFD_INFO_EXIT, which came with Linux
// 6.15: before, nobody knows the status of a process that another has reaped.
var pidfdsTell = sync.OnceValue(func() bool {
	cmd, pidfd := exec.Command("true"), -1
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if cmd.Run() != nil {
		return false
	}
	defer unix.Close(pidfd)
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	return unix.IoctlPidfdInfo(pidfd, &info) == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0
})

// wantExit wants a status to be the kernel's, and to be known where that can be.
func wantExit(t *testing.T, who string, e *ExitRecord, err error, status unix.WaitStatus) {
	t.Helper()
	switch {
	case errors.Is(err, ErrExitUnknown) && !pidfdsTell():
	case err != nil:
		t.Errorf("%s: %v", who, err)
	case !e.Known() || e.Status != status:
		t.Errorf("%s: %s %#x, want %#x", who, e.Reason, e.Status, status)
	}
}
