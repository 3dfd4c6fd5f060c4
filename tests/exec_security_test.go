package tests

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// CVE-2016-9962, CVE-2019-5736: whoever is in the container, even with
// CAP_SYS_PTRACE, must not get hold of the host by a process that joins.
func TestExecShowsNothingOfTheHost(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("nothing of the host's runtime is ever visible inside")
	c := r.Container(rig.AllCaps(), rig.Args("/peek"))
	if err := rig.Build("minirun/tests/testdata/peek", c.Rootfs()+"/peek"); err != nil {
		t.Fatal(err)
	}
	out := r.Write("peeked", "", 0o600)
	f, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := r.DoWith([]rig.Option{rig.Stdio(nil, f, f)}, "run", "-d", "--bundle", c.Bundle, c.ID)
	if x.Code != 0 || !rig.Eventually(func() bool { return strings.Contains(r.Read(out), "ready") }) {
		t.Fatalf("code %d: %s", x.Code, r.Read(out))
	}
	before, err := os.ReadFile(r.Runtime.Path)
	if err != nil {
		t.Fatal(err)
	}
	for range count(2000) {
		if x := r.Do("exec", c.ID, "true"); x.Code != 0 {
			t.Fatal(x.Stderr)
		}
	}
	peeked := r.Read(out)
	if !strings.Contains(peeked, "exe /bin/busybox") {
		t.Errorf("the attacker has seen no process at all: %s", peeked)
	}
	for line := range strings.Lines(peeked) {
		line = strings.TrimSpace(line)
		what, name, _ := strings.Cut(line, " ")
		switch {
		case strings.Contains(line, "minirun") && !strings.HasPrefix(name, "/memfd:minirun-"),
			strings.HasPrefix(line, "the host by"), what == "writable" && strings.Contains(name, "memfd"),
			what == "descriptor" && strings.Contains(name, "cgroup"):
			t.Error(line)
		}
	}
	if after, err := os.ReadFile(r.Runtime.Path); err != nil || string(after) != string(before) {
		t.Error("the runtime's executable has changed")
	}
}

// CVE-2024-21626: a working directory by a descriptor that leads out.
func TestExecWorkingDirectoryIsInside(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	host, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for fd := 0; fd <= 20; fd++ {
		for _, dir := range []string{"/proc/self/fd/", "/proc/thread-self/fd/", "/proc/1/fd/"} {
			cwd := dir + strconv.Itoa(fd)
			// Descriptor 3 is one of the caller's that was not to go inside, and then one that was.
			for _, preserve := range []string{"0", "1"} {
				x := r.DoWith([]rig.Option{rig.Files(host)}, "exec", "--preserve-fds", preserve, "--cwd", cwd, c.ID, "pwd")
				if x.Code == 0 {
					t.Errorf("cwd %s with --preserve-fds %s: the process is in %s", cwd, preserve, x.Stdout)
				}
			}
		}
	}
}

// A filter holds for every process of the container, also for one that brings
// a process object of its own.
func TestExecIsUnderTheSeccompFilter(t *testing.T) {
	r := rig.New(t)
	c := idle(r, func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{
			Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(unix.EDOM)),
		}}}
	})
	for _, args := range [][]string{
		{"exec", c.ID, "mkdir", "/new"},
		{"exec", "--process", process(c, []string{"mkdir", "/new"}), c.ID},
		{"exec", "--no-new-privs=false", c.ID, "mkdir", "/new"},
	} {
		if x := r.Do(args...); x.Code != 1 || !strings.Contains(x.Stderr, "argument out of domain") {
			t.Errorf("%v: code %d: %s", args, x.Code, x.Stderr)
		}
	}
}

func TestExecDescriptors(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	a, b := r.Write("a", "", 0o644), r.Write("b", "", 0o644)
	var files []*os.File
	for _, path := range []string{a, b, a} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	for n, want := range []string{"0 1 2", "0 1 2 3", "0 1 2 3 4"} {
		r.DoWith([]rig.Option{rig.Files(files...)}, "exec", "-d", "--pid-file", r.Path("p"), "--preserve-fds", strconv.Itoa(n), c.ID, "sleep", "1000")
		pid := pidIn(c, r.Path("p"))
		t.Cleanup(func() { unix.Kill(pid, unix.SIGKILL); rig.Reap(pid) })
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("--preserve-fds %d: %v", n, got)
		}
	}
	if x := r.Do("exec", "--preserve-fds", "1", c.ID, "true"); x.Code != 255 {
		t.Errorf("a descriptor that is not there: code %d", x.Code)
	}
}

func TestExecOfADeafCaller(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	x := r.DoWith([]rig.Option{rig.Deaf()}, "exec", c.ID, "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
	if n := strings.Count(x.Stdout, "0000000000000000"); x.Code != 0 || n != 2 {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

// The clone of an exec places the process on cgroup v2; what v2 there is on a
// hybrid host stands in for a pure one, by a record that knows of no other.
func TestExecIsClonedIntoTheUnifiedCgroup(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the record is minirun's")
	unified, err := filepath.Glob("/sys/fs/cgroup/unified/cgroup.procs")
	if err != nil || len(unified) == 0 {
		rig.Skip(t, "no unified hierarchy beside others")
	}
	c := idle(r)
	path := filepath.Join(r.Root, c.ID, "state.json")
	whole := r.Read(path)
	defer os.WriteFile(path, []byte(whole), 0o600)
	from, to := strings.Index(whole, `"cgroups": {`), strings.Index(whole, `"imageDevice"`)
	forged := whole[:from] + `"cgroups": {"": "/sys/fs/cgroup/unified` + c.Spec.Linux.CgroupsPath + `"}, ` + whole[to:]
	if err := errors.Join(os.WriteFile(path, []byte(forged), 0o600)); err != nil {
		t.Fatal(err)
	}
	x := r.Do("exec", c.ID, "cat", "/proc/self/cgroup")
	if x.Code != 0 || !strings.Contains(x.Stdout, "0::"+c.Spec.Linux.CgroupsPath+"\n") || strings.Contains(x.Stdout, "pids:"+c.Spec.Linux.CgroupsPath) {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

func TestExecSubCgroup(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	sub := c.Cgroup("pids") + "/sub"
	if err := os.Mkdir(sub, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if x := r.Do("exec", "--cgroup", "pids:sub", c.ID, "grep", "pids:", "/proc/self/cgroup"); !strings.Contains(x.Stdout, c.ID+"/sub") {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	for _, bad := range []string{"pids:../..", "nosuch:sub", "a:b:c", "pids:/nosuch"} {
		if x := r.Do("exec", "--cgroup", bad, c.ID, "true"); x.Code != 255 {
			t.Errorf("--cgroup %s: code %d", bad, x.Code)
		}
	}
}

// Whatever step of an exec fails: the words are there, and nothing else.
func TestEveryStepOfExecMayFail(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("steps")
	r.Faulty()
	c := idle(r)
	failed := 0
	for step := 1; step <= 90; step++ {
		began := time.Now()
		x := r.DoWith([]rig.Option{rig.Env("MINIRUN_FAIL=" + strconv.Itoa(step) + ":" + strconv.Itoa(int(unix.EIO)))},
			"exec", c.ID, "true")
		switch {
		case x.Code == 255 && strings.HasPrefix(x.Message(), "minirun: exec failed: "):
			failed++
		case x.Code != 0 || x.Stderr != "":
			t.Errorf("step %d: code %d: %s", step, x.Code, x.Stderr)
		}
		if left := r.OK("ps", "--format", "json", c.ID).Stdout; strings.Contains(left, ",") {
			t.Fatalf("step %d: left in the container: %s", step, left)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("step %d: %v", step, took)
		}
	}
	if failed < 25 {
		t.Errorf("only %d steps have failed", failed)
	}
}
