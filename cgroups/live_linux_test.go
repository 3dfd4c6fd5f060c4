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
func views(t testing.TB) map[string]view {
	h, err := Look()
	must(t, err)
	all := map[string]view{}
	if h.Unified != "" {
		all["v2"] = v2Only
	}
	if len(h.V1) > 0 {
		all["v1"] = v1Only
	}
	if len(all) == 2 {
		all["hybrid"] = whole
	}
	return all
}

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

func soon() time.Time { return time.Now().Add(30 * time.Second) }

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
	for name, v := range views(t) {
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
	for name, v := range views(t) {
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
	for name, v := range views(t) {
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
	if h = v1Only(h); len(h.V1) < 2 {
		t.Skip("takes two hierarchies")
	}
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

func TestCloneIntoUnified(t *testing.T) {
	for name, v := range views(t) {
		if name == "v2" {
			continue
		}
		if fd, err := created(t, v).OpenUnified(); fd != -1 || err != nil {
			t.Errorf("%s: %d, %v", name, fd, err)
		}
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

// TestJoinOfAThreadedSubtree: beside a threaded sibling a group is "domain
// invalid", which the kernel reports by a bare EOPNOTSUPP.
func TestJoinOfAThreadedSubtree(t *testing.T) {
	outer := created(t, v2Only)
	must(t, os.Mkdir(outer.unified()+"/threaded", 0o755))
	must(t, writeFile(outer.unified()+"/threaded", "cgroup.type", "threaded"))
	g := &Group{dirs: []dir{{path: outer.unified() + "/beside", root: outer.dirs[0].root}}}
	must(t, g.Create())
	err := g.Join(spawn(t, sleeper))
	if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), `threaded subtree (cgroup.type "domain invalid")`) {
		t.Errorf("got %v", err)
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
