package tests

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// threaded is a container whose PID 1 has threads, and a child.
func threaded(r *rig.Rig) *rig.Container {
	r.Helper()
	c := r.Container(rig.Args("/bin/threads"))
	if err := rig.Build("minirun/tests/testdata/threads", c.Rootfs()+"/bin/threads"); err != nil {
		r.Fatal(err)
	}
	return c
}

func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// child is the first process in a container that is not its init.
func child(c *rig.Container) int {
	c.Helper()
	init, found := c.Pid(), 0
	rig.Eventually(func() bool {
		for _, line := range strings.Fields(c.Read(c.Cgroup("pids") + "/cgroup.procs")) {
			if pid, _ := strconv.Atoi(line); pid != init && comm(pid) == "sleep" {
				found = pid
			}
		}
		return found != 0
	})
	if found == 0 {
		c.Fatal("PID 1 has no child")
	}
	return found
}

// freezeAway freezes a process in a version 1 cgroup that is not the container's,
// where nothing that minirun may do thaws it.
func freezeAway(t *testing.T, pid int) (thaw func()) {
	t.Helper()
	dir := "/sys/fs/cgroup/freezer/" + rig.Marker + "-away"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(dir+"/"+file, []byte(text), 0); err != nil {
			t.Error(err)
		}
	}
	thaw = func() { write("freezer.state", "THAWED") }
	t.Cleanup(func() {
		thaw()
		if !rig.Eventually(func() bool { rig.ReapOrphans(); return os.Remove(dir) == nil }) {
			t.Errorf("%s cannot be removed", dir)
		}
	})
	write("cgroup.procs", strconv.Itoa(pid))
	write("freezer.state", "FROZEN")
	if !rig.Eventually(func() bool { text, _ := os.ReadFile(dir + "/freezer.state"); return string(text) == "FROZEN\n" }) {
		t.Fatal("it does not freeze")
	}
	return thaw
}

// traced traces a process, from a thread that does nothing else, until release is called.
func traced(t *testing.T, pid int, options int) (release func()) {
	t.Helper()
	seized, end, done := make(chan error), make(chan bool), make(chan bool)
	var trace func()
	trace = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine, and with it the tracing
		if unix.Gettid() == os.Getpid() {
			go trace() // the main thread does not end
			<-end
			return
		}
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, uintptr(options), 0, 0)
		if errno != 0 {
			seized <- errno
			return
		}
		seized <- nil
		<-end
		close(done)
	}
	go trace()
	if err := <-seized; err != nil {
		t.Fatal(err)
	}
	released := false
	release = func() {
		if !released {
			released = true
			close(end)
			<-done
		}
	}
	t.Cleanup(release)
	return release
}

// outsider is a process of the container's PID namespace with a parent that
// is outside and does not wait; it returns both, and what makes the parent wait.
func outsider(c *rig.Container) (pid, parent int, wait func()) {
	c.Helper()
	cmd := exec.Command("nsenter", "--pid", "--target", strconv.Itoa(c.Pid()), "sleep", "1000")
	cmd.Env = append(os.Environ(), "RIG="+rig.Marker)
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	parent = cmd.Process.Pid
	ended := false
	wait = func() {
		if !ended {
			ended = true
			cmd.Process.Signal(unix.SIGCONT)
			late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
			cmd.Wait()
			late.Stop()
		}
	}
	c.Cleanup(func() { cmd.Process.Signal(unix.SIGTERM); wait() })
	rig.Eventually(func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid != 0 && comm(pid) == "sleep"
	})
	if pid == 0 {
		c.Fatal("nsenter has not forked")
	}
	cmd.Process.Signal(unix.SIGSTOP)
	if !rig.Eventually(func() bool { return rig.Stat(parent).State == 'T' }) {
		c.Fatal("nsenter has not stopped")
	}
	return pid, parent, wait
}

// keepsExits tells that a pidfd has the status also of who is reaped, as since
// Linux 6.15: before, only the parent can be sure to learn it.
func keepsExits(t *testing.T) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 15
}

// needsOldFreezer is for what a process frozen by cgroup v1 does: one of v2 can
// be killed.
func needsOldFreezer(t *testing.T) {
	if rig.OnlyV2() {
		t.Skip("no process of cgroup v2 is frozen beyond SIGKILL")
	}
}
