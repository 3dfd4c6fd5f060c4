package tests

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// What a probe leaves behind is reaped although PID 1 reaps nothing, and the
// exec ends with the last of it (moby#47583).
func TestExecSubreapLeavesNoZombies(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--subreap")
	c := r.Container(rig.Args("tail", "-f", "/dev/null")).MustCreate().MustStart()
	for range 3 {
		if x := in(c, "for i in 1 2 3; do (sleep 0.1; echo late) & (sleep 0.1 &) done; exit 5", "--subreap"); x.Code != 5 || strings.Count(x.Stdout, "late") != 3 {
			t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
		}
		if n := pids(c); n != 1 {
			t.Errorf("%d tasks are left", n)
		}
	}
	in(c, "(sleep 0.01 &)")
	if !rig.Eventually(func() bool { return zombies(c) == 1 }) {
		t.Error("PID 1 reaps by itself, and the test shows nothing")
	}
}

func TestExecSubreap(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--subreap")
	c := idle(r)
	for name, e := range map[string]struct {
		script string
		flags  []string
		code   int
		out    string
	}{
		"death by a signal": {"kill -9 $$", nil, 137, ""},
		"a parent inside":   {`[ $PPID != 0 ] && cat /proc/$PPID/comm`, nil, 0, "minirun-subreap"},
		"another user":      {"id -u", []string{"-u", "7"}, 0, "7"},
		"a terminal":        {"tty; ps -o comm,tty >/dev/null; kill -INT 0; sleep 5", []string{"-t"}, 130, "/dev/pts/0"},
	} {
		x := in(c, e.script, append(e.flags, "--subreap")...)
		if out := strings.TrimSpace(strings.ReplaceAll(x.Stdout, "^C", "")); x.Code != e.code || out != e.out {
			t.Errorf("%s: code %d, %q: %s", name, x.Code, out, x.Stderr)
		}
	}
	if x := r.Do("exec", "--subreap", c.ID, "grep", "-cE", "Sig(Blk|Ign|Cgt):.0{16}", "/proc/self/status"); x.Stdout != "3\n" {
		t.Errorf("signals are blocked, ignored or caught: %s", x.Stdout)
	}
	x := r.Do("exec", "--subreap", c.ID, "nosuch")
	wants(t, x, 255, `exec: "nosuch": executable file not found in $PATH`)
	r.OK("update", "--pids-limit", "2", c.ID)
	wants(t, in(c, "true", "--subreap"), 255, "pids.max 2 reached (2 of 2")
	wants(t, in(c, "true"), 0)
}

// The subreaper joins what the program joins, under the container's filter.
func TestExecSubreapJoinsTheContainer(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--subreap")
	var docker specs.Spec
	if err := json.Unmarshal([]byte(r.Read("../bundles/testdata/configs/docker.json")), &docker); err != nil {
		t.Fatal(err)
	}
	c := mappedContainer(r, seccomp(docker.Linux.Seccomp), rig.Args("sleep", "1000")).MustCreate().MustStart()
	x := in(c, "id -u; for p in self $PPID 1; do readlink /proc/$p/ns/user; done | sort -u | wc -l; grep Seccomp: /proc/$PPID/status; (sleep 0.05 &)", "--subreap")
	if got := strings.Join(strings.Fields(x.Stdout), " "); got != "0 1 Seccomp: 2" {
		t.Errorf("code %d: %q %s", x.Code, got, x.Stderr)
	}
}

// Signals reach the program; once that has ended, one to end ends the wait.
func TestExecSubreapIsToldToEnd(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--subreap")
	c := idle(r)
	call := r.Spawn([]string{"exec", "--subreap", c.ID, "sh", "-c", "trap 'echo heard; exit 9' USR1; sleep 1000 & echo up; while :; do sleep 0.01; done"})
	if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "up") }) {
		t.Fatal(call.Output())
	}
	call.Signal(unix.SIGUSR1)
	if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "heard") && pids(c) == 3 }) {
		t.Fatalf("%s, %d tasks", call.Output(), pids(c))
	}
	call.Signal(unix.SIGTERM)
	if x := call.Wait(); x.Code != 9 {
		t.Errorf("code %s: %s", strconv.Itoa(x.Code), x.Stderr)
	}
	if s := c.Status(); s != "running" || pids(c) != 2 {
		t.Errorf("%s, %d tasks", s, pids(c))
	}
}
