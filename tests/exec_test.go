package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// idle is a container whose init takes no part in the test.
func idle(r *rig.Rig, mods ...rig.Mod) *rig.Container {
	r.Helper()
	return r.Container(append([]rig.Mod{rig.Args("sleep", "1000")}, mods...)...).MustCreate().MustStart()
}

// in calls exec with flags before the id and a shell script after it.
func in(c *rig.Container, script string, flags ...string) rig.Result {
	c.Helper()
	return c.Do(append(append([]string{"exec"}, flags...), c.ID, "/bin/sh", "-c", script)...)
}

// process writes a file for --process, made of the container's own process.
func process(c *rig.Container, args []string, mods ...func(*specs.Process)) string {
	c.Helper()
	p := *c.Spec.Process
	p.Args = args
	for _, m := range mods {
		m(&p)
	}
	text, err := json.Marshal(&p)
	if err != nil {
		c.Fatal(err)
	}
	return c.Write("process.json", string(text), 0o600)
}

// pidIn reads a pid file, which has no newline.
func pidIn(c *rig.Container, file string) int {
	c.Helper()
	pid, err := strconv.Atoi(c.Read(file))
	if err != nil {
		c.Fatal(err)
	}
	return pid
}

// detached starts a process that the test itself waits for in the end, as an
// engine's shim does: an unreaped one would hold up the end of the container.
func detached(c *rig.Container, args ...string) int {
	c.Helper()
	file := c.Path("detached")
	c.OK(append([]string{"exec", "-d", "--pid-file", file, c.ID}, args...)...)
	pid := pidIn(c, file)
	c.Cleanup(func() {
		unix.Kill(pid, unix.SIGKILL)
		rig.Reap(pid)
	})
	return pid
}

func TestExecOutcomes(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	r.Write(strings.TrimPrefix(c.Rootfs(), r.Dir)+"/plain", "no program", 0o644)
	for _, tt := range []struct {
		name string
		args []string // after exec
		want outcome
	}{
		{"exit code", []string{c.ID, "sh", "-c", "exit 3"}, outcome{code: 3}},
		{"signal", []string{c.ID, "sh", "-c", "kill -KILL $$"}, outcome{code: 137}},
		{"flags of the command", []string{c.ID, "ls", "-l", "--color=never", "/bin"}, fine},
		{"missing file", []string{c.ID, "/nope"}, outcome{255, `exec failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory`}},
		{"not in PATH", []string{c.ID, "nope"}, outcome{255, `exec failed: unable to start container process: exec: "nope": executable file not found in $PATH`}},
		{"directory", []string{c.ID, "/bin"}, outcome{255, `exec: "/bin": permission denied`}},
		{"not executable", []string{c.ID, "/plain"}, outcome{255, `exec: "/plain": permission denied`}},
		{"missing cwd", []string{"--cwd", "/nodir", c.ID, "ls"}, outcome{255, `exec failed: unable to start container process: chdir to cwd ("/nodir") set in config.json failed: no such file or directory`}},
		{"unknown id", []string{c.ID + "-no", "ls"}, outcome{255, "exec failed: container does not exist"}},
		{"no command", []string{c.ID}, outcome{255, "exec failed: "}},
		{"terminal without socket", []string{"-d", "-t", c.ID, "ls"}, outcome{255, "without setting console socket"}},
		{"socket without terminal", []string{"-d", "--console-socket", "/none", c.ID, "ls"}, outcome{255, "cannot use console socket"}},
		{"apparmor", []string{"--apparmor", "x", c.ID, "ls"}, outcome{255, "process.apparmorProfile: "}},
		{"label", []string{"--process-label", "x", c.ID, "ls"}, outcome{255, "process.selinuxLabel: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := r.Do(append([]string{"exec"}, tt.args...)...)
			if x.Code != tt.want.code || !strings.Contains(x.Message(), tt.want.words) {
				t.Errorf("code %d, %s", x.Code, x.Message())
			}
		})
	}
}

func TestExecInEveryState(t *testing.T) {
	want := map[string]outcome{
		"absent": {255, "exec failed: container does not exist"}, "created": fine, "running": fine,
		"paused":                 {255, "exec failed: cannot exec in a paused container (use --ignore-paused to override)"},
		"stopped":                {255, "exec failed: cannot exec in a stopped container"},
		"stopped, never started": {255, "exec failed: cannot exec in a stopped container"},
	}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container()
			state.enter(c)
			check(t, in(c, "true"), want[state.name], r.Runtime.Kind)
		})
	}
}

// hostMounts is a container that has but a root directory of its own.
func hostMounts(s *specs.Spec) {
	rig.HostNamespace(specs.MountNamespace)(s)
	s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil, nil
}

func TestExecJoinsTheContainer(t *testing.T) {
	for name, mods := range map[string][]rig.Mod{
		"own namespaces":       nil,
		"a cgroup namespace":   {rig.Namespace(specs.CgroupNamespace, "")},
		"host pid namespace":   {rig.HostNamespace(specs.PIDNamespace)},
		"host net and ipc":     {rig.HostNamespace(specs.NetworkNamespace), rig.HostNamespace(specs.IPCNamespace)},
		"without pivot_root":   nil,
		"host mount namespace": {hostMounts},
		"user, umask, no home": {func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 8} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container(append([]rig.Mod{rig.Args("sleep", "1000")}, mods...)...)
			if name == "without pivot_root" {
				c.MustCreate("--no-pivot")
			} else {
				c.MustCreate()
			}
			c.MustStart()
			if name == "host mount namespace" { // its root stays a mount of the host
				t.Cleanup(func() { unmount(c.Rootfs()) })
			}
			init, pid := c.Pid(), detached(c, "sleep", "1000")
			for _, ns := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"} {
				a, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", init, ns))
				b, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, ns))
				if a != b {
					t.Errorf("%s: the init has %s, the process %s", ns, a, b)
				}
			}
			for _, file := range []string{"cgroup", "mountinfo", "limits", "oom_score_adj"} {
				if a, b := r.Proc(init, file), r.Proc(pid, file); a != b {
					t.Errorf("%s of init:\n%s\nof the process:\n%s", file, a, b)
				}
			}
			for _, key := range []string{"Uid", "Gid", "Groups", "Umask", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "SigIgn", "SigBlk"} {
				if a, b := r.ProcStatus(init, key), r.ProcStatus(pid, key); a != b {
					t.Errorf("%s: %q, not %q", key, b, a)
				}
			}
			if got := r.ProcStatus(pid, "CapInh"); strings.Trim(got, "0") != "" {
				t.Errorf("inheritable capabilities %s", got)
			}
			unix.Kill(pid, unix.SIGKILL)
			if code := rig.Reap(pid); code != 137 {
				t.Errorf("the process was not orphaned to the subreaper, or its status is lost: %d", code)
			}
		})
	}
}

func TestExecFlags(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	for _, tt := range []struct {
		flags        []string
		script, want string
	}{
		{[]string{"--cwd", "/bin"}, "pwd", "/bin"},
		{[]string{"-e", "A=1", "--env", "B=2 3"}, `echo "$A $B"`, "1 2 3"},
		{[]string{"-u", "1"}, "id -u; id -g", "1\n0"},
		{[]string{"-u", "5:6", "-g", "7", "--additional-gids=8"}, "id -u; id -g; id -G", "5\n6\n6 7 8"},
		{[]string{"-c", "CAP_SYS_ADMIN"}, "grep CapEff /proc/self/status", "CapEff:\t0000000020200420"},
		{[]string{"--no-new-privs=false"}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0"},
		{nil, `echo "$RIG-$TMPDIR-$HOME"`, "--/root"},
		{nil, "cat /proc/self/cgroup | grep -c " + c.ID, strconv.Itoa(strings.Count(r.Proc(c.Pid(), "cgroup"), c.ID))},
	} {
		if x := in(c, tt.script, tt.flags...); x.Code != 0 || strings.TrimSpace(x.Stdout) != tt.want {
			t.Errorf("%v: code %d, %q, not %q: %s", tt.flags, x.Code, x.Stdout, tt.want, x.Stderr)
		}
	}
}

// CVE-2026-30892: crun took "exec -u 1" for uid 0.
func TestExecUserIsParsedStrictly(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	for _, good := range []struct{ user, ids string }{
		{"0", "0 0"}, {"1", "1 0"}, {"0:5", "0 5"}, {"65534:65533", "65534 65533"}, {"4294967294", "4294967294 0"},
	} {
		if x := in(c, "echo $(id -u) $(id -g)", "-u", good.user); strings.TrimSpace(x.Stdout) != good.ids {
			t.Errorf("-u %s is %q: %s", good.user, x.Stdout, x.Stderr)
		}
	}
	for _, bad := range []string{":5", "5:", "+1", "01", "-1", "1:-1", "4294967295", "4294967296", "root", "1:root", "1:2:3", " 1", "1 ", "0x1", "1e1", "٣", ":"} {
		if x := in(c, "true", "-u", bad); x.Code != 255 {
			t.Errorf("-u %q: code %d", bad, x.Code)
		}
	}
}

func TestExecProcessFile(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	file := process(c, []string{"sh", "-c", "echo $WHO; exit 9"}, func(p *specs.Process) { p.Env = append(p.Env, "WHO=me") })
	if x := r.Do("exec", "--process", file, c.ID); x.Code != 9 || strings.TrimSpace(x.Stdout) != "me" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	r.OK("exec", "--process", file, "--detach", "--pid-file", r.Path("pid"), c.ID)
	if code := rig.Reap(pidIn(c, r.Path("pid"))); code != 9 {
		t.Errorf("the orphan's code is %d", code)
	}
	for text, words := range map[string]string{"{": "line 1", `{"cwd":"/","args":["x"],"apparmorProfile":"y"}`: "process.apparmorProfile", `{"args":["x"]}`: "process.cwd"} {
		if x := r.Do("exec", "-p", r.Write("bad.json", text, 0o600), c.ID); x.Code != 255 || !strings.Contains(x.Message(), words) {
			t.Errorf("%s: code %d, %s", text, x.Code, x.Message())
		}
	}
}

func TestExecForwardsSignals(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	call := r.Spawn([]string{"exec", c.ID, "sh", "-c", `trap "echo got HUP" HUP; trap "echo got USR1" USR1; trap "exit 6" TERM; echo ready; while :; do sleep 0.01; done`})
	for _, s := range []struct {
		await string
		sig   syscall.Signal
	}{{"ready", unix.SIGHUP}, {"got HUP", unix.SIGUSR1}, {"got USR1", unix.SIGTERM}} {
		if !rig.Eventually(func() bool { return strings.Contains(call.Output(), s.await) }) {
			t.Errorf("no %q in %q", s.await, call.Output())
		}
		call.Signal(s.sig)
	}
	if x := call.Wait(); x.Code != 6 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

func TestExecTerminal(t *testing.T) {
	const script = `tty; test -t 0 && test -t 1 && test -t 2 && echo alltty; stty size; read -r a b c d e f tty rest < /proc/self/stat; test $tty != 0 && echo controlling; ls /dev/console 2>&1; echo end; read -r x; exit 4`
	r := rig.New(t)
	c := idle(r)
	t.Run("console socket", func(t *testing.T) {
		sock, wait := r.Receive("sock")
		file := process(c, []string{"sh", "-c", script}, func(p *specs.Process) {
			p.Terminal, p.ConsoleSize = true, &specs.Box{Height: 33, Width: 99}
		})
		r.OK("exec", "--process", file, "--console-socket", sock, "--detach", "--pid-file", r.Path("tp"), c.ID)
		term := r.Attach(nonblocking(t, wait().File))
		term.Expect(r, "end")
		for _, want := range []string{"/dev/pts/0", "alltty", "33 99", "controlling"} {
			if !strings.Contains(term.Text(), want) {
				t.Errorf("no %q in %q", want, term.Text())
			}
		}
		term.Type(r, "\n")
		if code := rig.Reap(pidIn(c, r.Path("tp"))); code != 4 {
			t.Errorf("code %d", code)
		}
	})
	t.Run("foreground", func(t *testing.T) {
		term, slave := r.Pty()
		defer slave.Close()
		term.Resize(r, 21, 77)
		call := r.Spawn([]string{"exec", "--tty", c.ID, "sh", "-c", script}, rig.Stdio(slave, slave, slave), func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		})
		term.Expect(r, "end")
		for _, want := range []string{"alltty", "21 77", "controlling"} {
			if !strings.Contains(term.Text(), want) {
				t.Errorf("no %q in %q", want, term.Text())
			}
		}
		term.Type(r, "\n")
		if x := call.Wait(); x.Code != 4 {
			t.Errorf("code %d", x.Code)
		}
	})
	t.Run("left open by a child", func(t *testing.T) {
		term, slave := r.Pty()
		defer slave.Close()
		call := r.Spawn([]string{"exec", "--tty", c.ID, "sh", "-c", "trap '' HUP; sleep 1000 & seq 3000"}, rig.Stdio(slave, slave, slave))
		if x := call.Wait(); x.Code != 0 {
			t.Errorf("code %d", x.Code)
		}
		term.Expect(r, "3000")
	})
	t.Run("left open, to a caller who reads late", func(t *testing.T) {
		_, slave := r.Pty()
		defer slave.Close()
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		unix.FcntlInt(to.Fd(), unix.F_SETPIPE_SZ, rig.Page)
		before := pids(c)
		call := r.Spawn([]string{"exec", "--tty", c.ID, "sh", "-c", "trap '' HUP; sleep 1000 & seq 2500"}, rig.Stdio(slave, to, to))
		to.Close()
		if !rig.Eventually(func() bool { return len(sleepers(r, c)) == 3 && pids(c) == before+1 }) {
			t.Fatalf("%d tasks, %d before", pids(c), before)
		}
		time.Sleep(300 * time.Millisecond) // longer than it takes what others write
		if n := strings.Count(eof(t, from), "\n"); n != 2500 {
			t.Errorf("%d lines of 2500", n)
		}
		if x := call.Wait(); x.Code != 0 {
			t.Errorf("code %d", x.Code)
		}
	})
}
