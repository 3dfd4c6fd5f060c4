package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// deafInit has three children, and no handler for anything.
const deafInit = `sleep 1000 & sleep 1000 & sleep 1000 & while :; do sleep 1000; done`

// slow is less than the default grace of 10 s, and more than anything takes.
const slow = 9 * time.Second

// stopRig is a rig for tests of a verb that only minirun has.
func stopRig(t *testing.T) *rig.Rig {
	t.Helper()
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		t.Skip("a verb of minirun")
	}
	return r
}

// up is a container whose script has begun.
func up(r *rig.Rig, script string, mods ...rig.Mod) *rig.Container {
	r.Helper()
	c := r.Container(append([]rig.Mod{rig.Sh(script)}, mods...)...).MustCreate().MustStart()
	return c
}

// deaf is up for deafInit, when its PID 1 waits for its four children.
func deaf(r *rig.Rig) *rig.Container {
	r.Helper()
	c := up(r, deafInit)
	if init := c.Pid(); !rig.Eventually(func() bool { return pids(c) == 5 && rig.Stat(init).State == 'S' }) {
		r.Fatalf("%d tasks", pids(c))
	}
	return c
}

// ups is up for a script that sets traps first: they are set when it has made a file.
func ups(r *rig.Rig, traps string) *rig.Container {
	r.Helper()
	c := up(r, traps+"; : >/ready; while :; do sleep 0.01; done")
	if !rig.Eventually(func() bool { _, err := os.Stat(c.Rootfs() + "/ready"); return err == nil }) {
		r.Fatal("the container is not ready")
	}
	return c
}

func stopIt(c *rig.Container, flags ...string) rig.Result {
	c.Helper()
	return c.Do(append(append([]string{"stop"}, flags...), c.ID)...)
}

// wants checks an exit code and words of the output, each of them.
func wants(t *testing.T, x rig.Result, code int, words ...string) {
	t.Helper()
	if x.Code != code {
		t.Errorf("code %d, not %d", x.Code, code)
	}
	all := x.Stdout + x.Stderr
	for _, w := range words {
		if not, ok := strings.CutPrefix(w, "!"); ok == strings.Contains(all, strings.TrimPrefix(w, "!")) {
			t.Errorf("%q: want it %v", not, !ok)
		}
	}
	if t.Failed() {
		t.Logf("%v: %v\n%s%s", x.Args, x.Took, x.Stdout, x.Stderr)
	}
}

func TestStopKillsWhatIgnoresTheSignal(t *testing.T) {
	c := deaf(stopRig(t))
	x := stopIt(c, "--time", "1")
	wants(t, x, 0, "SIGTERM: predicted ignored: PID 1 has no handler", "the grace is in vain (1s", "--fast skips it", "SIGKILL: SIGTERM was ignored:",
		"(sh), 1 inside: killed by SIGKILL", "gone\n", "137: ended by stop's SIGKILL")
	if keepsExits(t) {
		wants(t, x, 0, "as PID 1 has ended")
	}
	if n := strings.Count(x.Stdout, "died: "); n < 5 {
		t.Errorf("%d deaths of 5:\n%s", n, x.Stdout)
	}
	if c.Status() != "stopped" {
		t.Error(c.Status())
	}
	wants(t, c.Do("wait", c.ID), 137, "137\n")
	wants(t, stopIt(c), 0, "has stopped already", "gone", "137: ended by stop's SIGKILL")
	c.MustDelete()
}

func TestStopReportsInJSON(t *testing.T) {
	c := deaf(stopRig(t))
	x := stopIt(c, "--time", "0", "--format", "json")
	wants(t, x, 0)
	type event struct {
		At    float64
		Event string
		Exit  *struct {
			Code   int
			Reason string
			Pids   struct{ Peak *int }
		}
	}
	var all []event
	for line := range strings.Lines(x.Stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	order := ""
	for _, e := range all {
		if e.Event != "draining" && e.Event != "blocker" { // where the end takes its time
			order += e.Event + " "
		}
	}
	died := strings.Repeat("died ", strings.Count(order, "died "))
	if want := "asked killed " + died + "gone exit "; order != want || died == "" {
		t.Errorf("%s\nwant %s", order, want)
	}
	last := all[len(all)-1].Exit
	if last == nil || last.Code != 137 || last.Reason != "stop" || last.Pids.Peak != nil && *last.Pids.Peak < 4 {
		t.Errorf("exit %+v\n%s", last, x.Stdout)
	}
	c.MustDelete()
}

func TestStopLetsThoseEndWhoHearTheSignal(t *testing.T) {
	for _, s := range []struct {
		trap, signal string
		code         int
		words        []string
	}{
		{"trap 'exit 0' TERM", "", 0, []string{"0: it exited so itself", "!SIGKILL"}},
		{"trap 'exit 143' TERM", "", 143, []string{"143: it took SIGTERM and exited with 128+15 itself", "!SIGKILL"}},
		{"trap 'exit 7' QUIT", "QUIT", 7, []string{"SIGQUIT: predicted ", "!SIGKILL"}}, // pending, while the shell forks
		{"trap 'exit 7' USR1", "10", 7, []string{"SIGUSR1: predicted "}},
	} {
		r := stopRig(t)
		c := ups(r, s.trap)
		flags := []string{"--time", "60", "--fast"} // no hurry with one who hears
		if s.signal != "" {
			flags = append(flags, "--signal", s.signal)
		}
		x := stopIt(c, flags...)
		wants(t, x, 0, s.words...)
		wants(t, c.Do("wait", "--format", "json", c.ID), s.code, `"reason": "asked"`, `"watched": true`)
		c.MustDelete()
	}
}

func TestStopSendsTheImagesSignal(t *testing.T) {
	r := stopRig(t)
	c := r.Container(rig.Sh("trap 'exit 5' WINCH; : >/ready; while :; do sleep 0.01; done"))
	c.Spec.Annotations = map[string]string{"org.opencontainers.image.stopSignal": "SIGWINCH"}
	c.Edit()
	c.MustCreate().MustStart()
	rig.Eventually(func() bool { _, err := os.Stat(c.Rootfs() + "/ready"); return err == nil })
	wants(t, stopIt(c, "--time", "60"), 0, "SIGWINCH: predicted ", "5: it exited")
	c.MustDelete()
}

func TestStopFastSkipsAGraceInVain(t *testing.T) {
	c := deaf(stopRig(t))
	x := stopIt(c, "--fast", "--time", "50")
	wants(t, x, 0, "SIGKILL: SIGTERM would be ignored: PID 1 has no handler for SIGTERM; there is nothing to wait for", "137")
	if x.Took > slow {
		t.Errorf("it took %v", x.Took)
	}
	c.MustDelete()
}

func TestStopNeverSendsNoSIGKILL(t *testing.T) {
	r := stopRig(t)
	c := deaf(r)
	call := r.Spawn([]string{"stop", "--time", "never", c.ID})
	if !rig.Eventually(func() bool { return strings.Contains(call.Output(), "no SIGKILL follows") }) {
		t.Errorf("it says %q", call.Output())
	}
	time.Sleep(300 * time.Millisecond)
	if got := c.Status(); got != "running" {
		t.Errorf("the container is %s", got)
	}
	c.Kill("KILL")
	wants(t, call.Wait(), 0, "137: ended by a SIGKILL that was not stop's")
	c.MustDelete()
}

func TestStopInEveryState(t *testing.T) {
	for _, s := range states {
		if s.name == "absent" {
			continue
		}
		r := stopRig(t)
		c := r.Container()
		s.enter(c)
		x := stopIt(c, "--time", "1")
		wants(t, x, 0, "gone\n")
		switch s.name {
		case "created":
			wants(t, x, 0, "was created and not started", "no program runs that could be asked", "137")
		case "paused":
			wants(t, x, 0, "paused", "SIGKILL", "137")
		}
		if c.Status() != "stopped" {
			t.Errorf("%s: now it is %s", s.name, c.Status())
		}
		c.MustDelete()
	}
	wants(t, stopRig(t).Do("stop", "nobody"), 1, "container does not exist")
}

func TestStopOfAPausedOneThatHears(t *testing.T) {
	c := ups(stopRig(t), "trap 'exit 6' TERM")
	freeze(c, true)
	wants(t, stopIt(c, "--time", "60"), 0, "6: it exited", "!SIGKILL")
	c.MustDelete()
}

func TestStopWithoutAPIDNamespace(t *testing.T) {
	c := ups(stopRig(t), "sleep 1000 & sleep 1000 & trap 'exit 4' TERM")
	c.MustDelete("--force")
	c = stopRig(t).Container(rig.Sh("sleep 1000 & sleep 1000 & sleep 1000"), rig.HostNamespace(specs.PIDNamespace)).MustCreate().MustStart()
	if !rig.Eventually(func() bool { return pids(c) == 3 }) {
		t.Fatalf("%d tasks", pids(c))
	}
	wants(t, stopIt(c, "--time", "30"), 0, "SIGKILL: the init has ended and left others", "143: ended by SIGTERM", "gone\n")
	if procs := c.Read(c.Cgroup("pids") + "/cgroup.procs"); procs != "" {
		t.Errorf("left: %s", procs)
	}
	c.MustDelete()
}

// The init has threads, so that its leader is a zombie while another of its
// threads waits for the frozen child. runc and crun say "stopped".
func TestStopNamesAFrozenProcess(t *testing.T) {
	needsOldFreezer(t)
	r := stopRig(t)
	c := threaded(r).MustCreate().MustStart()
	pid := child(c)
	thaw := freezeAway(t, pid)
	x := stopIt(c, "--time", "0", "--limit", "2")
	wants(t, x, 4, fmt.Sprintf("blocked by %d (sleep) D in ", pid), "frozen in cgroup /"+rig.Marker+"-away", "thaw cgroup", "gave up")
	if got := c.Status(); got == "stopped" {
		t.Error("state says stopped")
	}
	if x := c.Do("wait", "--time", "0", c.ID); x.Code != 4 {
		t.Errorf("wait: code %d", x.Code)
	}
	thaw()
	wants(t, stopIt(c), 0, "gone\n", "137")
	c.MustDelete()
}

// A container may freeze a child of its own, in a group below its own: minirun thaws that.
func TestStopThawsBelowTheContainer(t *testing.T) {
	needsOldFreezer(t)
	c := up(stopRig(t), "sleep 1000 & wait")
	below := "/sys/fs/cgroup/freezer" + c.Spec.Linux.CgroupsPath + "/below"
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, w := range [][2]string{{"cgroup.procs", strconv.Itoa(child(c))}, {"freezer.state", "FROZEN"}} {
		if err := os.WriteFile(below+"/"+w[0], []byte(w[1]), 0); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, stopIt(c, "--time", "0", "--limit", "20"), 0, "frozen in cgroup ", "gone\n", "137")
	c.MustDelete()
}

func TestStopNamesTheTracer(t *testing.T) {
	me := fmt.Sprintf("%d (", os.Getpid())
	t.Run("of an init that hears", func(t *testing.T) {
		c := ups(stopRig(t), "trap 'exit 3' TERM")
		release := traced(t, c.Pid(), 0)
		x := stopIt(c, "--time", "1")
		wants(t, x, 0, "PID 1 is traced by "+me, "which sees SIGTERM first", "SIGKILL: still there after", "137")
		release()
		c.MustDelete()
	})
	t.Run("of a child", func(t *testing.T) {
		c := up(stopRig(t), "sleep 1000 & wait")
		pid := child(c)
		release := traced(t, pid, 0)
		wants(t, stopIt(c, "--fast", "--limit", "2"), 4, fmt.Sprintf("blocked by %d (sleep) Z, not waited for by its tracer %s", pid, me), "end or detach the tracer")
		if got := c.Status(); got == "stopped" {
			t.Error("state says stopped")
		}
		release()
		wants(t, stopIt(c), 0, "gone\n", "137")
		c.MustDelete()
	})
	t.Run("that stops an init on its way out", func(t *testing.T) {
		c := up(stopRig(t), "sleep 1000 & wait")
		release := traced(t, c.Pid(), unix.PTRACE_O_TRACEEXIT)
		x := stopIt(c, "--fast", "--limit", "2")
		if x.Code == 4 { // a kernel may also let the SIGKILL through
			wants(t, x, 4, "traced by "+me, "end or detach the tracer")
		}
		release()
		wants(t, stopIt(c), 0, "gone\n", "137")
		c.MustDelete()
	})
}

func TestStopNamesTheParentOfAZombieFromOutside(t *testing.T) {
	c := deaf(stopRig(t))
	pid, parent, wait := outsider(c)
	x := stopIt(c, "--fast", "--limit", "2")
	who := fmt.Sprintf("%d (sleep) Z, not waited for by its parent %d (nsenter) outside the container", pid, parent)
	wants(t, x, 4, "blocked by "+who, "; make "+strconv.Itoa(parent)+" (nsenter) wait for it, or end that", "gave up")
	if got := c.Status(); got == "stopped" {
		t.Error("state says stopped")
	}
	wait()
	wants(t, stopIt(c), 0, "gone\n", "137: ended by stop's SIGKILL")
	c.MustDelete()
}

func TestStopWantsSenseOfItsFlags(t *testing.T) {
	r := stopRig(t)
	for _, flags := range [][]string{{"--time", "soon"}, {"--time", "-1s"}, {"--limit", "never"}, {"--signal", "NONE"}, {"--signal", "0"}, {"--format", "xml"}} {
		if x := r.Do(append(append([]string{"stop"}, flags...), "c1")...); x.Code != 1 || !strings.Contains(x.Stderr, flags[1]) && flags[1] != "0" {
			t.Errorf("%v: code %d: %s", flags, x.Code, x.Stderr)
		}
	}
}

func TestKillExplainsASignalThatDoesNothing(t *testing.T) {
	r := stopRig(t)
	c := deaf(r)
	if x := c.Kill("TERM"); x.Code != 0 || x.Stderr != "" {
		t.Errorf("without a terminal: code %d: %s", x.Code, x.Stderr)
	}
	x := r.Do("kill", "--explain", c.ID, "TERM")
	wants(t, x, 0, "SIGTERM does nothing: PID 1 has no handler for SIGTERM", "minirun stop --fast "+c.ID+" ends it")
	for sig, want := range map[string]struct {
		code int
		text string
	}{"TERM": {5, "SIGTERM does nothing: PID 1 has no handler"}, "KILL": {0, "SIGKILL fatal: "}, "0": {0, "not sent"}} {
		if x := r.Do("kill", "--check", c.ID, sig); x.Code != want.code || !strings.Contains(x.Stdout, want.text) || x.Stderr != "" {
			t.Errorf("--check %s: code %d: %s%s", sig, x.Code, x.Stdout, x.Stderr)
		}
	}
	if s := c.Status(); s != "running" {
		t.Errorf("%s after --check KILL", s)
	}
	wants(t, r.Do("kill", "--check", "--all", c.ID), 1, "init alone")
	if x := r.Do("kill", "--explain", c.ID, "KILL"); x.Code != 0 || x.Stderr != "" {
		t.Errorf("KILL: code %d: %s", x.Code, x.Stderr)
	}
	c.WaitStopped()
	for _, flag := range []string{"--explain", "--check"} {
		wants(t, r.Do("kill", flag, c.ID, "TERM"), 1, "container not running")
	}
	c.MustDelete()
	c = ups(r, "trap : TERM")
	r.OK("pause", c.ID)
	wants(t, r.Do("kill", "--explain", c.ID, "TERM"), 0, "SIGTERM waits: the container is paused")
	c.MustDelete("--force")
	c = r.Container().MustCreate()
	wants(t, r.Do("kill", "--explain", c.ID, "TERM"), 0, "was created and not started")
	wants(t, r.Do("kill", "--check", c.ID), 5, "was created and not started")
	c.MustDelete()
}
