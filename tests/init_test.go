package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// An initProgram is what a container's program runs under: minirun's own init,
// or one that is installed on the machine.
type initProgram struct {
	name   string
	flags  []string // of run and create
	path   string   // on the host; "" for the built-in one
	prefix []string // of process.args
}

var inits = []initProgram{
	{name: "minirun", flags: []string{"--init"}},
	{name: "tini", path: "/usr/bin/tini", prefix: []string{"/pid1", "--"}},
	{name: "dumb-init", path: "/usr/bin/dumb-init", prefix: []string{"/pid1", "--"}},
	{name: "catatonit", path: "/usr/bin/catatonit", prefix: []string{"/pid1", "--"}},
}

// onEachInit runs a test under every init of this machine.
func onEachInit(t *testing.T, test func(r *rig.Rig, i initProgram)) {
	for _, i := range inits {
		t.Run(i.name, func(t *testing.T) {
			if _, err := os.Stat(i.path); i.path != "" && err != nil {
				t.Skipf("not installed: %s", i.name)
			}
			r := rig.New(t)
			r.MinirunOnly("--init")
			test(r, i)
		})
	}
}

// container is one whose program runs under the init.
func (i initProgram) container(r *rig.Rig, mods ...rig.Mod) *rig.Container {
	r.Helper()
	c := r.Container(mods...)
	if i.path == "" {
		return c
	}
	for _, dir := range []string{"/lib64", "/lib/x86_64-linux-gnu"} { // the loader and the C library
		if _, err := os.Stat(dir); err == nil {
			c.Edit(rig.Bind(dir, dir, "ro"))
		}
	}
	c.Edit(rig.Bind(i.path, "/pid1", "ro"), func(s *specs.Spec) {
		s.Process.Args = append(i.prefix[:len(i.prefix):len(i.prefix)], s.Process.Args...)
	})
	return c
}

func (i initProgram) run(c *rig.Container) rig.Result { c.Helper(); return c.Run(i.flags...) }

// start makes a container of a program and waits until that says that it is
// ready. It returns the call that started it, with its output, and the init's pid.
func (i initProgram) start(r *rig.Rig, p *program, mods ...rig.Mod) (*rig.Container, *rig.Call, int) {
	r.Helper()
	c := i.container(r, append(mods, rig.Args("/prog"))...)
	p.build(c)
	call := r.Spawn(append(append([]string{"run", "-d", "--bundle", c.Bundle}, i.flags...), c.ID))
	awaitReady(r, call, func() {})
	return c, call, c.Pid()
}

// awaitReady waits for a program that has a lot to do, and looks meanwhile.
func awaitReady(r *rig.Rig, call *rig.Call, look func()) {
	r.Helper()
	for begun := time.Now(); !strings.Contains(call.Output(), readyText); time.Sleep(time.Millisecond) {
		if look(); time.Since(begun) > 4*rig.Deadline {
			r.Fatalf("not ready: %q", call.Output())
		}
	}
}

// whenUp waits in a script for a process that has set its traps.
const whenUp = `until [ -e /up ]; do sleep 0.02; done; `

// What a caller sees of a program under an init, and where peers differ.
var initBehaviours = []struct {
	name   string
	script string
	want   string
	peers  map[string]string // what the others do, wherever it is something else
}{
	{name: "exit code", script: `exit 7`, want: "7"},
	{name: "death by a signal", script: `kill -9 $$`, want: "137"},
	{name: "death by a signal that a fault raises", script: `kill -SEGV $$`, want: "139"},
	{name: "a child of PID 1", script: `echo $PPID`, want: "1 0"},
	{name: "an empty mask and default dispositions", script: `grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status | tr -d '0\n\t'`,
		want: "SigBlk:SigIgn:SigCgt: 0", peers: map[string]string{"catatonit": "SigBlk:38SigIgn:SigCgt: 0"}},
	{name: "a group of its own", script: `set -- $(cat /proc/self/stat); [ $5 != 1 ] && echo own`, want: "own 0"},
	{name: "a session that is PID 1's, or its groups would be orphaned", script: `set -- $(cat /proc/$$/stat); echo $6`,
		want: "1 0", peers: map[string]string{"dumb-init": "2 0"}},
	{name: "the others finish what they do when the program is gone",
		script: `sh -c 'trap "sleep 0.2; echo cleaned; exit" TERM; echo up; : >/up; while :; do sleep 0.02; done' & ` + whenUp + `exit 3`,
		want:   "up cleaned 3",
		peers:  map[string]string{"tini": "up 3", "dumb-init": "up 3", "catatonit": "up 3"}},
	{name: "a stopped process hears that too",
		script: `sh -c 'trap "echo cleaned; exit" TERM; echo up; kill -STOP $$; while :; do sleep 0.02; done' & ` +
			`until grep -q ^State:.T /proc/$!/status; do sleep 0.02; done; exit 3`,
		want:  "up cleaned 3",
		peers: map[string]string{"tini": "up 3", "dumb-init": "up 3", "catatonit": "up 3"}},
	{name: "one in another session hears that too",
		script: `setsid sh -c 'trap "echo cleaned; exit" TERM; echo up; : >/up; while :; do sleep 0.02; done' & ` + whenUp + `exit 3`,
		want:   "up cleaned 3",
		peers:  map[string]string{"tini": "up 3", "dumb-init": "up 3", "catatonit": "up 3"}},
	{name: "PID 1 holds no directory", script: `readlink /proc/1/cwd`, want: "/ 0"},
}

func TestInitBehaviour(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		for _, b := range initBehaviours {
			x := i.run(i.container(r, rig.Sh(b.script), rig.AllCaps()))
			got := strings.Join(append(strings.Fields(x.Stdout), strconv.Itoa(x.Code)), " ")
			want := b.want
			if other, ok := b.peers[i.name]; ok {
				want = other
			}
			if got != want {
				r.Errorf("%s: %q, not %q: %s", b.name, got, want, x.Stderr)
			}
		}
	})
}

// The code is the process's, not that of its first thread.
func TestInitTakesTheCodeOfTheLastThread(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		c := i.container(r, rig.Args("/prog"))
		late(3, 5).build(c)
		if x := i.run(c); x.Code != 5 {
			r.Errorf("code %d: %s", x.Code, x.Stderr)
		}
	})
}

// Flags and annotations of minirun's own.
func TestInitOptions(t *testing.T) {
	const most = 5 * time.Second // the default grace
	late := rig.Sh(`sh -c 'trap "" TERM; : >/up; while :; do sleep 0.02; done' & ` + whenUp + `exit 3`)
	for name, o := range map[string]struct {
		mods  []rig.Mod
		flags []string
		code  int
		least time.Duration // that it takes
	}{
		"grace":               {[]rig.Mod{late}, []string{"--init-grace", "500ms"}, 3, 500 * time.Millisecond},
		"no grace":            {[]rig.Mod{late}, []string{"--init-grace=0s"}, 3, 0},
		"leave with main":     {[]rig.Mod{late}, []string{"--init-wait", "main"}, 3, 0},
		"exit map":            {[]rig.Mod{rig.Sh("exit 9")}, []string{"--init-exit-map", "143:0,9:4"}, 4, 0},
		"grace of annotation": {[]rig.Mod{late, annotate("minirun.init.grace", "10ms")}, nil, 3, 0},
		"stop signal": {[]rig.Mod{annotate("org.opencontainers.image.stopSignal", "USR1"),
			rig.Sh(`sh -c 'trap "exit" USR1; trap "" TERM; : >/up; while :; do sleep 0.02; done' & ` + whenUp + `exit 3`)}, nil, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--init")
			x := r.Container(o.mods...).Run(append([]string{"--init"}, o.flags...)...)
			if x.Code != o.code || x.Took < o.least || x.Took > most {
				t.Errorf("code %d after %v: %s", x.Code, x.Took, x.Stderr)
			}
		})
	}
}

// A child of the program's group and one in a session of its own hear of a
// signal to PID 1 as --init-forward says.
func TestInitForwardsToWhomItIsTold(t *testing.T) {
	const hears = `trap "echo %s" USR1; echo up; while :; do sleep 0.01; done`
	child := func(prefix, name string) string { return prefix + "sh -c '" + fmt.Sprintf(hears, name) + "' & " }
	for who, want := range map[string]string{"child": "main", "group": "group main", "all": "group main session"} {
		t.Run(who, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--init-forward")
			c := r.Container(rig.Sh(child("", "group") + child("setsid ", "session") + fmt.Sprintf(hears, "main")))
			call := c.Spawn([]string{"run", "--init", "--init-forward", who, "--bundle", c.Bundle, c.ID})
			heard := func() string {
				names := slices.DeleteFunc(strings.Fields(call.Output()), func(w string) bool { return w == "up" })
				slices.Sort(names)
				return strings.Join(names, " ")
			}
			if !rig.Eventually(func() bool { return strings.Count(call.Output(), "up") == 3 }) {
				t.Fatal(call.Output())
			}
			c.Kill("USR1")
			if !rig.Eventually(func() bool { return heard() == want }) {
				t.Errorf("%q, not %q", heard(), want)
			}
			c.Kill("KILL")
			call.Wait()
			if heard() != want {
				t.Errorf("%q in the end, not %q", heard(), want)
			}
		})
	}
}

func annotate(key, value string) rig.Mod {
	return func(s *specs.Spec) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[key] = value
	}
}

func TestInitByAnnotation(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("minirun.init")
	if got := r.Container(annotate("minirun.init", "true"), rig.Sh("cat /proc/1/comm")).Output(); got != "minirun-init" {
		t.Errorf("PID 1 is %q", got)
	}
}

// From Linux 6.16 on, the init ignores SIGCHLD, so that the kernel reaps; the
// program does not inherit that (see "default dispositions" above).
func TestInitLetsTheKernelReap(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--init")
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	want := "0000000000000000"
	if major > 6 || major == 6 && minor >= 16 {
		want = "0000000000010000"
	}
	c := r.Container().MustCreate("--init").MustStart()
	if !rig.Eventually(func() bool { return r.ProcStatus(c.Pid(), "SigIgn") == want }) {
		t.Errorf("PID 1 ignores %s, not %s", r.ProcStatus(c.Pid(), "SigIgn"), want)
	}
}

func TestInitRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		mods  []rig.Mod
		flags []string
		want  string
	}{
		"no PID namespace": {[]rig.Mod{rig.HostNamespace(specs.PIDNamespace)}, []string{"--init"}, "no PID namespace"},
		"flags alone":      {nil, []string{"--init-grace", "1s"}, "need --init"},
		"forward":          {nil, []string{"--init", "--init-forward", "both"}, "want child, group or all"},
		"wait":             {nil, []string{"--init", "--init-wait", "none"}, "want main or all"},
		"grace":            {nil, []string{"--init", "--init-grace", "soon"}, "want a duration"},
		"exit map":         {nil, []string{"--init", "--init-exit-map", "1:256"}, "want CODE:CODE"},
		"annotation":       {[]rig.Mod{annotate("minirun.init", "perhaps")}, nil, "want true or false"},
		"no program":       {[]rig.Mod{rig.Args("nosuch")}, []string{"--init"}, "executable file not found in $PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.MinirunOnly("--init")
			con := r.Container(c.mods...)
			if x := con.Create(c.flags...); x.Code != 1 || !strings.Contains(x.Message(), c.want) {
				t.Errorf("code %d: %s", x.Code, x.Stderr)
			}
		})
	}
}

// A program that goes away between create and start is start's error.
func TestInitReportsTheExecveToStart(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("start reports the execve")
	c := r.Container(rig.Args("/bin/once"))
	path := filepath.Join(c.Rootfs(), "bin/once")
	if err := os.Symlink("busybox", path); err != nil {
		t.Fatal(err)
	}
	c.MustCreate("--init")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if x := c.Start(); x.Code == 0 || !strings.Contains(x.Message(), "no such file") || !strings.Contains(x.Message(), "/bin/once") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	c.WaitStopped()
}

func TestInitStatuses(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--init")
	c := r.Container().MustCreate("--init")
	if s := c.Status(); s != "created" {
		t.Errorf("status %s before start", s)
	}
	c.MustStart()
	if s := c.Status(); s != "running" {
		t.Errorf("status %s after start", s)
	}
	c.Kill("TERM")
	c.WaitStopped()
}

// One task, and few pages of memory.
func TestInitIsSmall(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		_, _, pid := i.start(r, witness())
		pss, err := strconv.Atoi(strings.TrimSuffix(rig.Field(r.Proc(pid, "smaps_rollup"), "Pss"), " kB"))
		tasks := r.ProcStatus(pid, "Threads")
		r.Logf("%s: %s task, Pss %d kB", i.name, tasks, pss)
		if i.path == "" && (pss > 24 || tasks != "1" || err != nil) {
			r.Errorf("%s tasks, Pss %d kB, %v", tasks, pss, err)
		}
	})
}

// pids is how many tasks, dead ones included, the container's cgroup has.
func pids(c *rig.Container) int {
	n, _ := strconv.Atoi(strings.TrimSpace(c.Read(c.Cgroup("pids") + "/pids.current")))
	return n
}

// cpu is the time that a process has run.
func cpu(r *rig.Rig, pid int) time.Duration {
	ns, _ := strconv.ParseInt(strings.Fields(r.Proc(pid, "schedstat"))[0], 10, 64)
	return time.Duration(ns)
}

const many = 10_000

// Ten thousand zombies, handed over at once.
func TestInitReapsABurst(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		c, _, pid := i.start(r, hoard(many))
		if !rig.Eventually(func() bool { return pids(c) == many+3 }) {
			r.Errorf("%d tasks before", pids(c))
		}
		hoarder := 0
		for _, p := range strings.Fields(r.Read(c.Cgroup("pids") + "/cgroup.procs")) {
			if n, _ := strconv.Atoi(p); r.Proc(n, "comm") == "hoarder\n" {
				hoarder = n
			}
		}
		before, begun := cpu(r, pid), time.Now()
		if err := unix.Kill(hoarder, unix.SIGKILL); err != nil {
			r.Fatal(err)
		}
		for pids(c) > 2 {
			if time.Since(begun) > rig.Deadline {
				r.Fatalf("%d tasks are left", pids(c))
			}
		}
		took := time.Since(begun)
		r.Logf("%s: %v, %.0f reaped a second, CPU %v", i.name, took, many/took.Seconds(), cpu(r, pid)-before)
	})
}

// A stream of orphans, with the count of tasks flat. Its time is that of the two
// forks an orphan takes, the same under every init and without one; only the
// init's own share of it differs.
func TestInitAdoptsAStream(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		n := many
		if i.path != "" {
			n = many / 5 // peers are here for comparison, which is per orphan
		}
		c := i.container(r, rig.Args("/prog"))
		orphans(n).build(c)
		call := r.Spawn(append(append([]string{"run", "-d", "--bundle", c.Bundle}, i.flags...), c.ID))
		if x := call.Wait(); x.Code != 0 {
			r.Fatal(x.Stderr)
		}
		pid, peak, begun := c.Pid(), 0, time.Now()
		awaitReady(r, call, func() { peak = max(peak, pids(c)) })
		each := time.Since(begun) / time.Duration(n)
		if !rig.Eventually(func() bool { return pids(c) == 2 }) {
			r.Errorf("%d tasks in the end", pids(c))
		}
		r.Logf("%s: %d orphans, at most %d tasks; per orphan %v, of which %v CPU of the init",
			i.name, n, peak, each, cpu(r, pid)/time.Duration(n))
		if i.path == "" && peak > n/10 {
			r.Errorf("at most %d tasks", peak)
		}
	})
}

func (s siginfo) String() string {
	return fmt.Sprintf("code %d pid %d value %d", s.code, s.pid, s.value)
}
