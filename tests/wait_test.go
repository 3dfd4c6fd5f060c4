package tests

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func TestWaitExitsAsTheContainerDoes(t *testing.T) {
	for _, code := range []int{0, 42, 255} {
		r := stopRig(t)
		c := r.Container(rig.Sh(fmt.Sprintf("read x </fifo; exit %d", code)))
		fifo := c.Rootfs() + "/fifo"
		if r.Shell("mkfifo "+fifo) != 0 {
			t.Fatal("mkfifo")
		}
		c.MustCreate()
		early := r.Spawn([]string{"wait", c.ID}) // before start, for one that waits for that
		c.MustStart()
		if x := r.Do("wait", "--time", "100ms", c.ID); x.Code != 4 || !strings.Contains(x.Stderr, "has not ended") {
			t.Errorf("code %d: %s", x.Code, x.Stderr)
		}
		late := r.Spawn([]string{"wait", "--format", "json", c.ID})
		if r.Shell("echo >"+fifo) != 0 {
			t.Fatal("echo")
		}
		wants(t, early.Wait(), code, strconv.Itoa(code)+"\n")
		wants(t, late.Wait(), code, `"reason": "exited"`, `"core": false`, `"started": "20`)
		c.WaitStopped()
		wants(t, r.Do("wait", c.ID), code, strconv.Itoa(code)+"\n")
		c.MustDelete("--keep-exit")
		wants(t, r.Do("wait", c.ID), code, strconv.Itoa(code)+"\n")
		if got := strings.TrimSpace(r.OK("list", "-q").Stdout); got != "" {
			t.Errorf("list: %q", got)
		}
		r.OK("delete", "--force", c.ID)
		wants(t, r.Do("wait", c.ID), 1, "container does not exist")
	}
}

// run removes its container while others wait for it.
func TestWaitForAContainerThatRunsInTheForeground(t *testing.T) {
	r := stopRig(t)
	if !keepsExits(t) {
		t.Skip("run may reap before others look")
	}
	c := r.Container(ready("true"))
	call := runReady(c)
	waits := [3]*rig.Call{}
	for i := range waits {
		waits[i] = r.Spawn([]string{"wait", c.ID})
	}
	for _, w := range waits {
		w.Waits()
	}
	wants(t, stopIt(c, "--fast"), 0, "137: ended by stop's SIGKILL")
	if x := call.Wait(); x.Code != 137 || x.Stderr != "" {
		t.Errorf("run: code %d: %s", x.Code, x.Stderr)
	}
	for _, w := range waits {
		if x := w.Wait(); x.Code != 137 {
			t.Errorf("wait: code %d: %s", x.Code, x.Stderr)
		}
	}
}

// What was created and never started has not begun.
func TestExitOfACreatedContainerHasNoStart(t *testing.T) {
	r := stopRig(t)
	c := r.Container().MustCreate()
	wait := r.Spawn([]string{"wait", "--format", "json", c.ID})
	wait.Waits()
	c.Stop()
	if x := wait.Wait(); !strings.Contains(x.Stdout, `"created"`) || strings.Contains(x.Stdout, `"started"`) {
		t.Errorf("%s%s", x.Stdout, x.Stderr)
	}
	c.MustDelete()
}

func TestRunKeepsTheExit(t *testing.T) {
	r := stopRig(t)
	c := r.Container(rig.Sh("exit 9"))
	if x := c.Run("--keep-exit"); x.Code != 9 {
		t.Fatalf("code %d: %s", x.Code, x.Stderr)
	}
	wants(t, r.Do("wait", "--format", "json", c.ID), 9, `"reason": "exited"`, `"pids"`, `"started": "20`)
	if x := r.Do("run", "--keep", "--bundle", c.Bundle, c.ID); x.Code != 9 {
		t.Fatalf("code %d: %s", x.Code, x.Stderr)
	}
	wants(t, r.Do("wait", c.ID), 9, "9\n")
	c.MustDelete()
	wants(t, r.Do("wait", c.ID), 1, "does not exist") // also the first one's record
}

func TestAnOOMKillIsTheReason(t *testing.T) {
	r := stopRig(t)
	limit := int64(8 << 20)
	c := r.Container(rig.Sh("x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"), func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	})
	if x := c.Run("--keep-exit"); x.Code != 137 {
		t.Fatalf("code %d: %s", x.Code, x.Stderr)
	}
	wants(t, r.Do("wait", "--format", "json", c.ID), 137, `"oom": true`, `"reason": "oom"`, "for want of memory")
	r.OK("delete", "--force", c.ID)
}

// Whatever comes first, each verb ends, and those who were there know the code.
func TestStopKillAndWaitRacingWithTheEnd(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MINIRUN_RACES"))
	if err != nil {
		n = 8
	}
	r := stopRig(t)
	for i := range n {
		c := r.Container(rig.Sh(fmt.Sprintf("sleep 0.0%d; exit %d", i%10, i%100))).MustCreate()
		wait := r.Spawn([]string{"wait", c.ID})
		c.MustStart()
		stop := r.Spawn([]string{"stop", "--fast", "--time", "1", c.ID})
		kill := r.Spawn([]string{"kill", c.ID, "TERM"})
		code := wait.Wait()
		if code.Code != i%100 && code.Code != 137 {
			t.Errorf("%d: wait: code %d: %s", i, code.Code, code.Stderr)
		}
		wants(t, stop.Wait(), 0, "gone\n")
		if x := kill.Wait(); x.Code != 0 && !strings.Contains(x.Stderr, "not running") {
			t.Errorf("%d: kill: %s", i, x.Stderr)
		}
		wants(t, r.Do("wait", c.ID), code.Code)
		c.MustDelete()
	}
}
