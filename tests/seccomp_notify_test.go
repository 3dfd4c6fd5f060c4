package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// An agent listens where a runtime sends the listeners of seccomp filters. It
// makes directories under another name, in the place of who asks for them, and
// lets every other call go on.
type agent struct {
	*rig.Rig
	path   string
	states chan specs.ContainerProcessState
	served sync.WaitGroup
	// Of the execve calls after the first few one is not answered but told of.
	execves int
	held    chan struct{}
}

func newAgent(r *rig.Rig) *agent {
	r.Helper()
	a := &agent{Rig: r, path: r.Path("agent.sock"), states: make(chan specs.ContainerProcessState, 16)}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.path, Net: "unix"})
	if err != nil {
		r.Fatal(err)
	}
	a.served.Add(1)
	go func() {
		defer a.served.Done()
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			a.served.Add(1)
			go func() { defer a.served.Done(); a.serve(conn) }()
		}
	}()
	r.Cleanup(func() { l.Close(); a.served.Wait() })
	return a
}

// serve takes one state and answers until the filter has no process any more.
func (a *agent) serve(conn *net.UnixConn) {
	defer conn.Close()
	state, fd, err := receiveState(conn, a.Runtime.Kind == rig.Minirun)
	if err != nil {
		a.Errorf("receive the state: %v", err)
		return
	}
	defer unix.Close(fd)
	a.states <- state
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 30_000); err != nil && err != unix.EINTR {
			a.Errorf("poll: %v", err)
			return
		}
		switch {
		case fds[0].Revents&unix.POLLIN != 0:
			a.answer(fd)
		case fds[0].Revents != 0:
			return
		}
	}
}

// receiveState reads one state, and to the end of the connection: runc 1.1.5
// and crun 1.8.1 leave that open in the foreground, which the specification forbids.
func receiveState(conn *net.UnixConn, toEnd bool) (s specs.ContainerProcessState, fd int, err error) {
	var text []byte
	fd = -1
	buf, oob := make([]byte, 4096), make([]byte, 256)
	for toEnd || fd < 0 || json.Unmarshal(text, &s) != nil {
		conn.SetReadDeadline(time.Now().Add(rig.Deadline))
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		if n == 0 && oobn == 0 {
			break // the end, which ReadMsgUnix does not call io.EOF
		}
		if err != nil {
			return s, fd, err
		}
		text = append(text, buf[:n]...)
		if oobn > 0 {
			msgs, _ := unix.ParseSocketControlMessage(oob[:oobn])
			if fds, _ := unix.ParseUnixRights(&msgs[0]); len(fds) == 1 && fd < 0 {
				fd = fds[0]
				unix.CloseOnExec(fd)
			}
		}
	}
	if fd < 0 {
		return s, fd, errors.New("no descriptor")
	}
	return s, fd, json.Unmarshal(text, &s)
}

func (a *agent) answer(fd int) {
	var n notification
	if err := receiveNotification(fd, &n); err != nil {
		if err != unix.ENOENT { // it was killed meanwhile
			a.Errorf("receive a notification: %v", err)
		}
		return
	}
	answer := notifyAnswer{id: n.id}
	switch n.nr {
	case unix.SYS_MKDIR, unix.SYS_MKDIRAT:
		path := n.args[0]
		if n.nr == unix.SYS_MKDIRAT {
			path = n.args[1]
		}
		if err := a.mkdir(int(n.pid), path); err != nil {
			a.Errorf("emulate mkdir: %v", err)
			answer.error = -int32(unix.EIO)
		}
	case unix.SYS_EXECVE:
		if a.execves--; a.execves == 0 {
			close(a.held)
			return
		}
		fallthrough
	default:
		answer.flags = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	if err := answerNotification(fd, &answer); err != nil && err != unix.ENOENT {
		a.Errorf("answer: %v", err)
	}
}

func (a *agent) mkdir(pid int, path uint64) error {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer mem.Close()
	buf := make([]byte, 256)
	n, err := mem.ReadAt(buf, int64(path))
	if n == 0 {
		return err
	}
	name, _, _ := strings.Cut(string(buf[:n]), "\x00")
	return os.Mkdir(fmt.Sprintf("/proc/%d/root%s-by-agent", pid, name), 0o755)
}

func notify(a *agent, names ...string) rig.Mod {
	return func(s *specs.Spec) {
		s.Linux.Seccomp = profile(specs.ActAllow)
		for _, n := range names {
			s.Linux.Seccomp.Syscalls = append(s.Linux.Seccomp.Syscalls, rule(specs.ActNotify, n))
		}
		s.Linux.Seccomp.ListenerPath, s.Linux.Seccomp.ListenerMetadata = a.path, "m=1"
	}
}

var mkdirs = []string{"mkdir", "mkdirat"}

// check looks at the next state; pid is that of the process with the filter.
func (a *agent) check(c *rig.Container, pid, init int, statuses ...specs.ContainerState) {
	a.Helper()
	select {
	case s := <-a.states:
		status := false
		for _, want := range statuses {
			status = status || s.State.Status == want
		}
		if len(s.Fds) != 1 || s.Fds[0] != "seccompFd" || s.Metadata != "m=1" || s.State.ID != c.ID || s.State.Bundle != c.Bundle ||
			s.Version == "" || s.State.Version == "" || !status || s.State.Annotations["k"] != "v" {
			a.Errorf("state %+v", s)
		}
		if pid != 0 && s.Pid != pid || init != 0 && s.State.Pid != init || s.Pid <= 0 {
			a.Errorf("pid %d, of the init %d, not %d and %d", s.Pid, s.State.Pid, pid, init)
		}
	case <-time.After(rig.Deadline):
		a.Fatal("the agent has got no state")
	}
}

func annotated(s *specs.Spec) { s.Annotations = map[string]string{"k": "v"} }

const makeAndLook = "mkdir /tmp/x && ls -d /tmp/x*"

func TestNotificationsOfRunAreAnswered(t *testing.T) {
	r := rig.New(t)
	a := newAgent(r)
	for _, nnp := range []bool{true, false} {
		c := r.Container(rig.Sh(makeAndLook), notify(a, mkdirs...), annotated, func(s *specs.Spec) {
			s.Process.NoNewPrivileges = nnp
			if r.Runtime.Kind == rig.Minirun { // runc 1.1.5 takes no flag, and crun 1.8.1 not TSYNC beside a listener
				s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"}
			}
		})
		if got := c.Output(); got != "/tmp/x-by-agent" {
			t.Errorf("noNewPrivileges %t: %q", nnp, got)
		}
		a.check(c, 0, 0, specs.StateCreating, specs.StateCreated)
	}
}

func TestNotificationsOfCreateAndExecAreAnswered(t *testing.T) {
	r := rig.New(t)
	a := newAgent(r)
	c := r.Container(rig.Sh(makeAndLook+"; exec sleep 1000"), notify(a, mkdirs...), annotated)
	c.MustCreate()
	pid := c.Pid()
	c.MustStart()
	a.check(c, pid, pid, specs.StateCreating, specs.StateCreated)
	r.Finding(rig.Crun, "1.8.1 gives the pids of an exec as 0")
	x := r.Do("exec", c.ID, "sh", "-c", "mkdir /tmp/y && echo /tmp/*")
	if x.Code != 0 || !strings.Contains(x.Stdout, "/tmp/y-by-agent") {
		t.Errorf("exec: code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	a.check(c, 0, pid, specs.StateRunning)
	c.MustDelete("--force")
}

// The filter is on when these are made, and nobody waits for anybody.
func TestTheExecveItselfMayBeNotified(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "it makes more calls after the filter than the execve")
	r.Finding(rig.Crun, "1.8.1 hangs")
	a := newAgent(r)
	c := r.Container(rig.Sh(makeAndLook), notify(a, append(mkdirs, "execve", "execveat", "write", "read", "close", "recvmsg")...), func(s *specs.Spec) {
		s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}
	})
	if got := c.Output(); got != "/tmp/x-by-agent" {
		t.Errorf("%q", got)
	}
}

func TestNotificationsUnderTheBuiltInInit(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--init")
	a := newAgent(r)
	c := r.Container(rig.Sh(makeAndLook), notify(a, append(mkdirs, "wait4")...))
	if x := c.Run("--init"); x.Code != 0 || x.Stdout != "/tmp/x-by-agent\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

func TestAgentThatIsNotThere(t *testing.T) {
	r := rig.New(t)
	a := &agent{Rig: r, path: r.Path("nobody.sock")}
	for _, call := range []func(*rig.Container) rig.Result{
		func(c *rig.Container) rig.Result { return c.Create() },
		func(c *rig.Container) rig.Result { return c.Run() },
	} {
		c := r.Container(notify(a, mkdirs...))
		oneLine(t, c, call(c), a.path)
	}
	r.MinirunOnly("start connects")
	os.WriteFile(a.path, nil, 0o600)
	c := r.Container(notify(a, mkdirs...))
	oneLine(t, c, c.Create(), "listenerPath|socket operation on non-socket")
	os.Remove(a.path)
	b := newAgent(r)
	c.Edit(notify(b, mkdirs...))
	c.MustCreate()
	os.Rename(b.path, b.path+".gone")
	if x := c.Start(); x.Code == 0 || !strings.Contains(x.Message(), "listenerPath") {
		t.Errorf("start: code %d: %s", x.Code, x.Stderr)
	}
	os.Rename(b.path+".gone", b.path)
	c.MustStart() // nothing has happened to it
	c.MustDelete("--force")
}

// The one call that comes after the filter has to pass it.
func TestListenerNeedsSendmsg(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the calls that runc and crun make are others")
	a := newAgent(r)
	for what, change := range map[string]func(*specs.LinuxSeccomp){
		"notified":   func(s *specs.LinuxSeccomp) { s.Syscalls = append(s.Syscalls, rule(specs.ActNotify, "sendmsg")) },
		"refused":    func(s *specs.LinuxSeccomp) { s.Syscalls = append(s.Syscalls, rule(specs.ActErrno, "sendmsg")) },
		"by default": func(s *specs.LinuxSeccomp) { s.DefaultAction = specs.ActErrno },
		"for some arguments": func(s *specs.LinuxSeccomp) {
			s.Syscalls = append(s.Syscalls, rule(specs.ActErrno, "sendmsg", argument(0, specs.OpGreaterThan, 5, 0)))
		},
	} {
		t.Run(strconv.Quote(what), func(t *testing.T) {
			c := rig.New(t).Container(notify(a, mkdirs...), func(s *specs.Spec) { change(s.Linux.Seccomp) })
			oneLine(t, c, c.Create(), "SCMP_ACT_NOTIFY|sendmsg")
		})
	}
}

// A pause that comes between the release of an exec and its execve leaves
// nothing to wait for: the end of the exec would come after resume.
func TestPauseEndsAnExecOnItsWay(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("exec says that the container is paused")
	a := newAgent(r)
	a.execves, a.held = 2, make(chan struct{})
	c := r.Container(notify(a, "execve"))
	c.MustCreate().MustStart()
	exec := r.Spawn([]string{"exec", c.ID, "true"})
	select {
	case <-a.held:
	case <-time.After(rig.Deadline):
		t.Fatal("no execve")
	}
	r.OK("pause", c.ID)
	if x := exec.Wait(); x.Code != 255 || !strings.Contains(x.Message(), "exec failed: cannot exec in a paused container") {
		t.Errorf("code %d: %s", x.Code, x.Message())
	}
	r.OK("resume", c.ID)
	if got := c.Status(); got != "running" {
		t.Errorf("the container is %s", got)
	}
	c.MustDelete("--force")
}
