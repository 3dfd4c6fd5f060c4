package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests in the files named live_* work on the control groups of this
// machine, under names of their own.

var groupCount atomic.Int64

// view is a host, or a part of it.
type view func(*Host) *Host

func whole(h *Host) *Host  { return h }
func v1Only(h *Host) *Host { return &Host{V1: h.V1} }
func v2Only(h *Host) *Host { return &Host{Unified: h.Unified, Own: h.Own} }

// views are the hosts that this machine can stand for.
func views() map[string]view { return map[string]view{"hybrid": whole, "v1": v1Only, "v2": v2Only} }

// newGroup returns a group under a new name, not created. Whatever is there
// when the test ends is killed and removed.
func newGroup(t testing.TB, v view) *Group {
	t.Helper()
	h, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	g, err := v(h).Group(fmt.Sprintf("/minirun-test-%d-%d", os.Getpid(), groupCount.Add(1)), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.Kill()
		if err := g.Delete(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func created(t testing.TB, v view) *Group {
	t.Helper()
	g := newGroup(t, v)
	if err := g.Create(); err != nil {
		t.Fatal(err)
	}
	return g
}

// spawn starts a shell with a script, and reaps it when it dies.
func spawn(t testing.TB, script string) int {
	t.Helper()
	pid, run := spawnHeld(t, script)
	run()
	return pid
}

// spawnHeld is spawn of a script that waits until run is called, so that it
// does not fork while it joins a group.
func spawnHeld(t testing.TB, script string) (pid int, run func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read go; "+script)
	gate, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	reaped := make(chan error, 1)
	go func() { reaped <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-reaped
	})
	return cmd.Process.Pid, func() {
		_, err := gate.Write([]byte("\n"))
		must(t, err)
	}
}

const sleeper = "exec sleep 1000"

func soon() time.Time { return time.Now().Add(5 * time.Second) }

func exists(dir string) bool {
	_, err := os.Lstat(dir)
	return err == nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLifeOfAGroup(t *testing.T) {
	for name, v := range views() {
		t.Run(name, func(t *testing.T) {
			g := created(t, v)
			pid := spawn(t, sleeper)
			must(t, g.Join(pid))
			for _, d := range g.dirs {
				b, err := os.ReadFile(d.path + "/cgroup.procs")
				if err != nil || string(b) != strconv.Itoa(pid)+"\n" {
					t.Errorf("%s: members %q, %v", d.path, b, err)
				}
			}
			pids, err := g.Procs()
			if err != nil || len(pids) != 1 || pids[0] != pid {
				t.Errorf("Procs: %v, %v", pids, err)
			}
			if err := g.WaitEmpty(time.Now()); !errors.Is(err, unix.ETIMEDOUT) || !strings.Contains(err.Error(), strconv.Itoa(pid)) {
				t.Errorf("WaitEmpty: %v", err)
			}
			must(t, g.Kill())
			must(t, g.WaitEmpty(soon()))
			must(t, g.Delete())
			for _, d := range g.dirs {
				if exists(d.path) {
					t.Errorf("%s is left", d.path)
				}
			}
			must(t, g.Delete()) // once more is no error
			must(t, g.Kill())
			must(t, g.WaitEmpty(soon()))
			if pids, err := g.Procs(); err != nil || len(pids) != 0 {
				t.Errorf("Procs of a deleted group: %v, %v", pids, err)
			}
			if frozen, err := g.Frozen(); err != nil || frozen {
				t.Errorf("Frozen of a deleted group: %v, %v", frozen, err)
			}
		})
	}
}

// TestCpusetIsInherited: without CPUs and memory nodes nobody could join.
func TestCpusetIsInherited(t *testing.T) {
	h, err := Look()
	must(t, err)
	name := fmt.Sprintf("/minirun-test-%d-parent", os.Getpid())
	outer, err := h.Group(name, "")
	must(t, err)
	t.Cleanup(func() { must(t, outer.Delete()) })
	g, err := h.Group(name+"/a/b", "")
	must(t, err)
	if root := g.v1("cpuset"); root == "" {
		t.Skip("no version 1 cpuset")
	}
	must(t, g.Create())
	for dir := g.v1("cpuset"); dir != filepath.Dir(outer.v1("cpuset")); dir = filepath.Dir(dir) {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if text, err := readFile(dir, file); err != nil || text == "\n" {
				t.Errorf("%s/%s: %q, %v", dir, file, text, err)
			}
		}
	}
	// A parent that somebody else made, with nothing in it, is filled as well.
	must(t, g.Undo())
	must(t, os.Mkdir(outer.v1("cpuset"), 0o755))
	must(t, g.Create())
	if text, err := readFile(outer.v1("cpuset"), "cpuset.cpus"); err != nil || text == "\n" {
		t.Errorf("parent's cpuset.cpus: %q, %v", text, err)
	}
	must(t, g.Undo())
}

func TestCreateRefusesAGroupInUse(t *testing.T) {
	for name, v := range views() {
		t.Run(name, func(t *testing.T) {
			first := created(t, v)
			pid := spawn(t, sleeper)
			must(t, first.Join(pid))
			second := &Group{dirs: first.dirs}
			err := second.Create()
			if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), first.dirs[0].path+" is in use by process "+strconv.Itoa(pid)) {
				t.Errorf("got %v", err)
			}
			if len(second.made) > 0 {
				t.Errorf("left %v", second.made)
			}
			must(t, first.Kill())
			must(t, first.WaitEmpty(soon()))
			must(t, second.Create()) // an empty group is taken over
		})
	}
}

func TestCreateRefusesAFrozenGroup(t *testing.T) {
	for name, v := range views() {
		t.Run(name, func(t *testing.T) {
			outer := created(t, v)
			inner := &Group{}
			for _, d := range outer.dirs {
				d.path += "/inner"
				inner.dirs = append(inner.dirs, d)
			}
			must(t, outer.Freeze())
			for what, g := range map[string]*Group{"itself": {dirs: outer.dirs}, "above": inner} {
				if err := g.Create(); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "is frozen") {
					t.Errorf("%s frozen: got %v", what, err)
				}
			}
			must(t, outer.Thaw())
			must(t, inner.Create())
		})
	}
}

func TestFailedCreateRemovesWhatItMadeAndNoMore(t *testing.T) {
	h, err := Look()
	must(t, err)
	h = v1Only(h)
	name := fmt.Sprintf("/minirun-test-%d-undo", os.Getpid())
	outer, err := h.Group(name, "")
	must(t, err)
	t.Cleanup(func() { must(t, outer.Delete()) })
	must(t, os.Mkdir(outer.dirs[0].path, 0o755))

	g, err := h.Group(name+"/a/"+strings.Repeat("x", 5000), "") // longer than PATH_MAX
	must(t, err)
	g.dirs[0].path = outer.dirs[0].path + "/a/b"
	if err := g.Create(); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Fatalf("got %v", err)
	}
	if !exists(outer.dirs[0].path) {
		t.Error("a directory that was there is gone")
	}
	for _, dir := range append(directories(g), outer.dirs[0].path+"/a", outer.dirs[1].path) {
		if exists(dir) {
			t.Errorf("%s is left", dir)
		}
	}
}

func directories(g *Group) (dirs []string) {
	for _, d := range g.dirs {
		dirs = append(dirs, d.path)
	}
	return dirs
}

func TestFreeze(t *testing.T) {
	for name, v := range views() {
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
	for name, v := range views() {
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
	for name, v := range views() {
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
	if d := time.Since(start); d < deleteWait || d > deleteWait+time.Second {
		t.Errorf("took %v", d)
	}
}

// TestDeleteWaitsForTheDying: a process that was killed is in its groups for a
// moment, and as a zombie it is not.
func TestDeleteWaitsForTheDying(t *testing.T) {
	for name, v := range views() {
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

func TestCloneIntoUnified(t *testing.T) {
	if fd, err := created(t, whole).OpenUnified(); fd != -1 || err != nil {
		t.Errorf("hybrid: %d, %v", fd, err)
	}
	g := created(t, v2Only)
	fd, err := g.OpenUnified()
	must(t, err)
	defer unix.Close(fd)
	cmd := exec.Command("/bin/cat", "/proc/self/cgroup")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
	out, err := cmd.Output()
	must(t, err)
	if want := "0::/" + filepath.Base(g.unified()) + "\n"; !strings.HasSuffix(string(out), want) {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestErrorsNameTheGroup(t *testing.T) {
	g := newGroup(t, whole)
	pid := spawn(t, sleeper)
	for what, err := range map[string]error{
		"Join": g.Join(pid), "Freeze": g.Freeze(), "Thaw": g.Thaw(), "Update": g.Update(resources(t, `{"pids":{"limit":5}}`)),
	} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "minirun-test-") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
