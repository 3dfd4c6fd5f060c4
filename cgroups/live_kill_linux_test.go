package cgroups

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFreeze(t *testing.T) {
	for name, v := range views(t) {
		t.Run(name, func(t *testing.T) {
			g := created(t, v)
			pid := spawn(t, "while :; do :; done")
			must(t, g.Join(pid))
			must(t, g.Freeze())
			if frozen, err := g.Frozen(); err != nil || !frozen {
				t.Fatalf("frozen %v, %v", frozen, err)
			}
			if a, b := cpuTime(t, pid), cpuTime(t, pid); a != b {
				t.Errorf("runs while frozen: %v, %v", a, b)
			}
			must(t, g.Thaw())
			if frozen, err := g.Frozen(); err != nil || frozen {
				t.Fatalf("after thawing: frozen %v, %v", frozen, err)
			}
			for start := cpuTime(t, pid); cpuTime(t, pid) == start; {
			}
		})
	}
}

// cpuTime waits a little and returns the CPU time of a process, in ticks.
func cpuTime(t *testing.T, pid int) string {
	t.Helper()
	time.Sleep(30 * time.Millisecond)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	return f[11] + "+" + f[12]
}

func TestKill(t *testing.T) {
	scripts := map[string]string{
		"one":              sleeper,
		"that ignores all": `trap "" TERM INT HUP QUIT; while :; do sleep 1000; done`,
		"with children":    `sleep 1000 & sleep 1000 & sleep 1000 & wait`,
		"that forks":       `while :; do /bin/true; done`,
	}
	for name, v := range views(t) {
		for what, script := range scripts {
			for _, frozen := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/frozen %v", name, what, frozen), func(t *testing.T) {
					g := created(t, v)
					pid, run := spawnHeld(t, script)
					must(t, g.Join(pid))
					run()
					if frozen {
						must(t, g.Freeze())
					}
					must(t, g.Kill())
					must(t, g.WaitEmpty(soon()))
					must(t, g.Delete())
				})
			}
		}
	}
}

func TestKillReachesBelowAndThaws(t *testing.T) {
	for name, v := range views(t) {
		t.Run(name, func(t *testing.T) {
			g := created(t, v)
			below := &Group{}
			for _, d := range g.dirs {
				d.path += "/b/c"
				d.root = filepath.Dir(filepath.Dir(d.path))
				below.dirs = append(below.dirs, d)
			}
			must(t, below.Create())
			must(t, below.Join(spawn(t, sleeper)))
			must(t, below.Freeze())
			if pids, err := g.Procs(); err != nil || len(pids) != 1 {
				t.Errorf("Procs: %v, %v", pids, err)
			}
			must(t, g.Kill())
			must(t, g.WaitEmpty(soon()))
			must(t, g.Delete())
		})
	}
}

func TestDeleteSaysWhoIsInTheWay(t *testing.T) {
	g := created(t, whole)
	pid := spawn(t, sleeper)
	must(t, g.Join(pid))
	start := time.Now()
	err := g.Delete()
	if !errors.Is(err, unix.ETIMEDOUT) || !strings.Contains(err.Error(), "process "+strconv.Itoa(pid)+" still in it") {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d < deleteWait || d > deleteWait+10*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestDeleteWaitsForTheDying: a process that was killed is in its groups for a
// moment, and as a zombie it is not.
func TestDeleteWaitsForTheDying(t *testing.T) {
	for name, v := range views(t) {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				g := created(t, v)
				cmd := exec.Command("/bin/sleep", "1000")
				must(t, cmd.Start())
				must(t, g.Join(cmd.Process.Pid))
				must(t, cmd.Process.Kill())
				must(t, g.Delete())
				_ = cmd.Wait()
			}
		})
	}
}

func TestDeleteOfDeepAndWideTrees(t *testing.T) {
	g := created(t, v2Only)
	dir, err := open(g.unified(), unix.O_RDONLY|unix.O_DIRECTORY)
	must(t, err)
	name := strings.Repeat("d", 200)
	for range 40 { // deeper than PATH_MAX
		must(t, unix.Mkdirat(dir, name, 0o755))
		for i := range 3 {
			must(t, unix.Mkdirat(dir, fmt.Sprint("side", i), 0o755))
		}
		next, err := openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY)
		must(t, err)
		unix.Close(dir)
		dir = next
	}
	unix.Close(dir)
	if pids, err := g.Procs(); err != nil || len(pids) != 0 {
		t.Errorf("Procs: %v, %v", pids, err)
	}
	must(t, g.Delete())
	if exists(g.unified()) {
		t.Error("left")
	}
}
