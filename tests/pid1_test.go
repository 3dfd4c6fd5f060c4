package tests

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"minirun/tests/rig"
)

// asDeaf are the ways to start the runtime: as a shell would, and as a caller
// that ignores HUP, INT, QUIT and PIPE and blocks TERM.
var asDeaf = map[string][]rig.Option{"by a decent caller": nil, "by a deaf caller": {rig.Deaf()}}

// masks are the lines of /proc/PID/status that say what a process does with signals.
var masks = []string{"SigBlk", "SigIgn", "SigCgt"}

func TestPIDOneStartsWithEmptyMasks(t *testing.T) {
	for name, opts := range asDeaf {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			x := r.Container(rig.Args("cat", "/proc/self/status")).RunWith(opts)
			for _, m := range masks {
				if v := rig.Field(x.Stdout, m); strings.Trim(v, "0") != "" || v == "" {
					t.Errorf("%s %q: %s", m, v, x.Stderr)
				}
			}
			if v := rig.Field(x.Stdout, "NSpid"); v != "1" {
				t.Errorf("NSpid %q", v)
			}
		})
	}
}

func TestCreatedInitHasEmptyMasks(t *testing.T) {
	for name, opts := range asDeaf {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.Finding(rig.Runc, "the created init is a Go program: it catches 56 signals")
			c := r.Container()
			if x := c.CreateWith(opts); x.Code != 0 {
				t.Fatal(x.Stderr)
			}
			for _, m := range masks {
				if v := c.ProcStatus(c.Pid(), m); strings.Trim(v, "0") != "" || v == "" {
					t.Errorf("%s %q", m, v)
				}
			}
		})
	}
}

func TestCreatedInitIsSmall(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("one task and at most 24 kB")
	var pss []int
	for range 9 {
		c := r.Container().MustCreate()
		if tasks := len(dir(t, fmt.Sprintf("/proc/%d/task", c.Pid()))); tasks != 1 {
			t.Errorf("%d tasks", tasks)
		}
		kB, err := strconv.Atoi(strings.TrimSuffix(rig.Field(c.Proc(c.Pid(), "smaps_rollup"), "Pss"), " kB"))
		if err != nil {
			t.Fatal(err)
		}
		pss = append(pss, kB)
	}
	// The kernel places the stack at random, in one to three pages.
	if slices.Sort(pss); pss[len(pss)/2] > 24 {
		t.Errorf("Pss %v kB", pss)
	}
}

func dir(t *testing.T, path string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestPIDOneHasASessionOfItsOwn(t *testing.T) {
	c := rig.New(t).Container().MustCreate()
	pid := c.Pid()
	for _, when := range []string{"created", "running"} {
		if s := rig.Stat(pid); s.Session != pid {
			t.Errorf("%s: session %d of pid %d", when, s.Session, pid)
		}
		if when == "created" {
			c.MustStart()
		}
	}
	if v := c.ProcStatus(pid, "NSsid"); !strings.HasSuffix(v, " 1") {
		t.Errorf("NSsid %q", v)
	}
}

func TestPIDOneIsOneTask(t *testing.T) {
	c := rig.New(t).Container().MustCreate().MustStart()
	if got := c.ProcStatus(c.Pid(), "Threads"); got != "1" {
		t.Errorf("%s threads", got)
	}
	if got := strings.Fields(c.Read(c.Cgroup("pids") + "/cgroup.procs")); len(got) != 1 {
		t.Errorf("processes %v", got)
	}
}

// The program inherits nothing of the set-up: no pending death signal, no
// changed personality.
func TestPIDOneIsClean(t *testing.T) {
	r := rig.New(t)
	got := r.Container(rig.Args("cat", "/proc/self/status", "/proc/self/personality", "/proc/self/coredump_filter")).Output()
	for key, want := range map[string]string{"TracerPid": "0", "SigPnd": "0000000000000000", "ShdPnd": "0000000000000000", "Seccomp": "0", "PPid": "0"} {
		if v := rig.Field(got, key); v != want {
			t.Errorf("%s %q, not %q", key, v, want)
		}
	}
	if !strings.Contains(got, "\n00000000\n") {
		t.Errorf("personality and core dump filter: %q", got[len(got)-40:])
	}
}

// /proc/1/exe of a created container is nothing that the container could
// write and the host would execute (CVE-2019-5736).
func TestRuntimeIsNotReachableFromInside(t *testing.T) {
	r := rig.New(t)
	c := r.Container().MustCreate()
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSuffix(exe, " (deleted)") == r.Runtime.Path {
		t.Errorf("the created init executes %s", exe)
	}
	if strings.Contains(c.Proc(c.Pid(), "maps"), r.Runtime.Path) {
		t.Error("and maps it")
	}
}

// A program that is /proc/self/exe must not be the runtime.
func TestEntrypointOfProcSelfExe(t *testing.T) {
	r := rig.New(t)
	before := r.Read(r.Runtime.Path)
	c := r.Container(rig.Args("/proc/self/exe", "echo", "executed"))
	c.Run() // whether it fails or runs, the file is as it was
	if r.Read(r.Runtime.Path) != before {
		t.Error("the runtime's file has changed")
	}
}
