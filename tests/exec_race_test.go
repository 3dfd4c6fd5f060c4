package tests

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func TestExecsSideBySide(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	var calls []*rig.Call
	for i := range 20 {
		calls = append(calls, r.Spawn([]string{"exec", c.ID, "sh", "-c", fmt.Sprintf("exit %d", 100+i)}))
	}
	for i, call := range calls {
		if x := call.Wait(); x.Code != 100+i {
			t.Errorf("code %d, not %d: %s", x.Code, 100+i, x.Stderr)
		}
	}
}

// An exec that meets the end of the init either runs, dies with it, or says
// that the container has ended; it never hangs and never loses a code. Each
// container has several, begun one after the other, so that its end meets each
// at another point.
func TestExecRacesWithTheEnd(t *testing.T) {
	const execs = 8
	r := rig.New(t)
	c := r.Container(rig.Args("sleep", "1000"))
	tally := map[string]int{}
	for i := range count(500) / execs {
		c.MustCreate().MustStart()
		calls := make([]*rig.Call, execs)
		for k := range calls {
			calls[k] = r.Spawn([]string{"exec", c.ID, "sh", "-c", "exit 42"})
		}
		delay := time.Duration(i%40) * 500 * time.Microsecond
		for end := time.Now().Add(delay); time.Now().Before(end); {
		}
		c.Kill("KILL")
		tallyExecs(t, calls, tally)
		c.WaitStopped()
		c.MustDelete()
	}
	t.Log(tally)
	if tally["ran"] == 0 || tally["refused"]+tally["died with the init"] == 0 {
		t.Errorf("the race was none: %v", tally)
	}
}

func tallyExecs(t *testing.T, calls []*rig.Call, tally map[string]int) {
	t.Helper()
	for k, call := range calls {
		x := call.Wait()
		switch {
		case x.Code == 42 && x.Stderr == "":
			tally["ran"]++
		case x.Code == 137 && x.Stderr == "":
			tally["died with the init"]++
		case x.Code == 255 && strings.Contains(x.Stderr, "stopped container"), x.Code == 255 && strings.Contains(x.Stderr, "dead or dying"):
			tally["refused"]++
		default:
			t.Errorf("exec %d: code %d, stderr %q", k, x.Code, x.Stderr)
		}
		if x.Took > 10*time.Second {
			t.Errorf("exec %d: took %v", k, x.Took)
		}
	}
}

// The same against pause: a process that is caught runs after resume.
func TestExecRacesWithPause(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	for i := range 40 {
		call := r.Spawn([]string{"exec", c.ID, "sh", "-c", "exit 42"})
		for end := time.Now().Add(time.Duration(i) * 500 * time.Microsecond); time.Now().Before(end); {
		}
		paused := r.Do("pause", c.ID)
		if paused.Code == 0 {
			r.OK("resume", c.ID)
		}
		if x := call.Wait(); x.Code != 42 && (x.Code != 255 || !strings.Contains(x.Stderr, "paused")) {
			t.Errorf("code %d: %s (pause: %d %s)", x.Code, x.Stderr, paused.Code, paused.Stderr)
		}
	}
}

func TestExecIgnoringThePause(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	r.OK("pause", c.ID)
	call := r.Spawn([]string{"exec", "--ignore-paused", c.ID, "sh", "-c", "exit 5"})
	time.Sleep(50 * time.Millisecond)
	if call.Output() != "" || c.Status() != "paused" {
		t.Errorf("status %s", c.Status())
	}
	r.OK("resume", c.ID)
	if x := call.Wait(); x.Code != 5 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

func TestExecIntoAFullCgroup(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "passes pids.max on v1, where the kernel lets a move do so")
	r.Finding(rig.Crun, "passes pids.max on v1")
	c := idle(r, func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(2))} })
	detached(c, "sleep", "1000")
	x := in(c, "true")
	if x.Code != 255 || !strings.Contains(x.Message(), "pids.max 2 reached (2 of 2") {
		t.Errorf("code %d: %s", x.Code, x.Message())
	}
	if r.Runtime.Kind == rig.Minirun {
		r.OK("update", "--pids-limit", "4", c.ID)
		if x := in(c, "true"); x.Code != 0 {
			t.Errorf("with room: code %d: %s", x.Code, x.Message())
		}
	}
}

// A thousand zombies that PID 1 does not wait for, and a pids.max that they
// have used up: the classic of exec probes.
func TestExecBesideAThousandZombies(t *testing.T) {
	const zombies = 1000
	r := rig.New(t)
	r.MinirunOnly("the words")
	c := idle(r)
	// The children of these execs are orphaned to PID 1, which is sleep.
	r.OK("exec", c.ID, "sh", "-c", "for i in $(seq "+strconv.Itoa(zombies)+"); do true & done")
	if !rig.Eventually(func() bool { return strings.Count(r.OK("ps", "--wide", c.ID).Stdout, "not waited for") == zombies }) {
		t.Fatalf("%d zombies", strings.Count(r.OK("ps", "--wide", c.ID).Stdout, "not waited for"))
	}
	if x := in(c, "echo alive"); x.Code != 0 {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	r.OK("update", "--pids-limit", strconv.Itoa(zombies+1), c.ID)
	x := in(c, "true")
	if want := fmt.Sprintf("pids.max %d reached (%d of %d", zombies+1, zombies+1, zombies+1); x.Code != 255 || !strings.Contains(x.Message(), want) {
		t.Errorf("code %d, %s, not %s", x.Code, x.Message(), want)
	}
	dated := regexp.MustCompile(fmt.Sprintf(`not waited for by its parent %d \(sleep\), %s>`, c.Pid(), zombieFor()))
	for line := range strings.Lines(r.OK("ps", "--wide", c.ID).Stdout) {
		if strings.Contains(line, " Z ") && !dated.MatchString(line) {
			t.Fatal(line)
		}
	}
}

// An init that has begun to exit and waits for a zombie whose parent is
// outside: it is there, joining it is not possible any more.
func TestExecIntoADyingContainer(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the words")
	c := idle(r)
	// This test does not wait for the process, as a careless shim would not.
	pid, init := detached(c, "sleep", "1000"), c.Pid()
	c.Kill("KILL")
	if !rig.Eventually(func() bool { return strings.Contains(r.Proc(init, "wchan"), "zap_pid_ns") }) {
		t.Fatalf("the init waits in %q", r.Proc(init, "wchan"))
	}
	x := in(c, "true")
	for _, want := range []string{"exec failed: the container's init is dead or dying", strconv.Itoa(pid) + " (sleep) Z", strconv.Itoa(os.Getpid())} {
		if x.Code != 255 || !strings.Contains(x.Message(), want) {
			t.Errorf("code %d, %s, without %q", x.Code, x.Message(), want)
		}
	}
	unix.Wait4(pid, nil, 0, nil)
	c.WaitStopped()
}

// In the foreground minirun waits for the process: the end of the init is never held up.
func TestExecInTheForegroundIsNoZombie(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	var calls []*rig.Call
	for range 10 {
		calls = append(calls, r.Spawn([]string{"exec", c.ID, "sleep", "1000"}))
	}
	if !rig.Eventually(func() bool { return strings.Count(r.OK("ps", c.ID).Stdout, "sleep 1000") == 11 }) {
		t.Fatal(r.OK("ps", c.ID).Stdout)
	}
	c.Kill("KILL")
	for _, call := range calls {
		if x := call.Wait(); x.Code != 137 {
			t.Errorf("code %d: %s", x.Code, x.Stderr)
		}
	}
	c.WaitStopped()
}
