package nsinit

import (
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/golden"

	"golang.org/x/sys/unix"
)

func initPlanOf(t testing.TB, in Init, arch string) *Plan {
	t.Helper()
	spec := minimal()
	return initPlanWith(t, spec, testFacts(spec, arch), in)
}

// watchingPlanOf is that of the init which lets the kernel reap.
func watchingPlanOf(t testing.TB, in Init, arch string) *Plan {
	t.Helper()
	spec := minimal()
	f := testFacts(spec, arch)
	f.ExitInfo = true
	return initPlanWith(t, spec, f, in)
}

func initPlanWith(t testing.TB, spec *specs.Spec, f Facts, in Init) *Plan {
	t.Helper()
	f.Init = &in
	return compileWith(t, spec, f)
}

// with is the default init, changed.
func with(change func(*Init)) Init {
	in := Init{Forward: ForwardChild, Wait: WaitAll, Grace: 5 * time.Second, Stop: int(unix.SIGTERM)}
	if change != nil {
		change(&in)
	}
	return in
}

func leaveWithMain(in *Init) { in.Wait = WaitMain }
func toGroup(in *Init)       { in.Forward = ForwardGroup }
func toAll(in *Init)         { in.Forward = ForwardAll }

type decision struct {
	name     string
	change   func(*Init)
	zombies  []death // from before the init began
	children int     // beside the program
	turns    []turn
	woken    []turn // after them, unless the kernel reaps
	fails    map[string][]unix.Errno
	want     string // the notes
	code     int
}

var initDecisions = []decision{
	{name: "who ended before is reaped", zombies: []death{{5, 0}, {6, exits(1)}}, turns: []turn{chld(main(exits(7)))}, want: "reap 5, reap 6, reap 2", code: 7},
	{name: "the program had ended before", zombies: []death{{5, 0}, main(exits(7))}, children: -1, woken: []turn{chld()}, want: "reap 5, reap 2", code: 7},
	{name: "the program's code", turns: []turn{chld(main(exits(7)))}, want: "reap 2", code: 7},
	{name: "the program's signal", turns: []turn{chld(main(killed(unix.SIGKILL)))}, want: "reap 2", code: 137},
	{name: "the program's core", turns: []turn{chld(main(killed(unix.SIGSEGV) | 0x80))}, want: "reap 2", code: 139},
	{name: "a code of 255", turns: []turn{chld(main(exits(255)))}, want: "reap 2", code: 255},
	{name: "a code that is mapped", change: func(in *Init) { in.Exit = []ExitCode{{143, 0}, {0, 1}} },
		turns: []turn{chld(main(killed(unix.SIGTERM)))}, want: "reap 2", code: 0},
	{name: "a code that is not mapped", change: func(in *Init) { in.Exit = []ExitCode{{143, 0}, {0, 1}} },
		turns: []turn{chld(main(exits(15)))}, want: "reap 2", code: 15},

	{name: "one SIGCHLD for many orphans", children: 4,
		turns: []turn{chld(death{5, 0}, death{6, 0}, death{7, 0}), chld(death{8, 0}), chld(main(0))},
		want:  "reap 5, reap 6, reap 7, reap 8, reap 2"},
	{name: "a stopped child", turns: []turn{chld(), chld(main(0))}, want: "reap 2"},
	{name: "an interrupted wait", turns: []turn{{errno: unix.EINTR}, chld(main(0))}, want: "reap 2"},

	{name: "kill", turns: []turn{user(unix.SIGTERM, 9), chld(main(0))}, want: "queue 2 15 code -1 from 9, reap 2"},
	{name: "kill from outside", turns: []turn{user(unix.SIGTERM, 0), chld(main(0))}, want: "queue 2 15 code -1 from 0, reap 2"},
	{name: "tgkill", turns: []turn{sent(unix.SIGUSR1, siTkill), chld(main(0))}, want: "queue 2 10 code -1 from 77, reap 2"},
	{name: "sigqueue", turns: []turn{sent(64, siQueue), chld(main(0))}, want: "queue 2 64 code -1 from 77, reap 2"},
	{name: "a POSIX timer", turns: []turn{sent(40, -2), chld(main(0))}, want: "queue 2 40 code -2 from 77, reap 2"},
	{name: "SIGIO, whose information is not a sender's", turns: []turn{sent(unix.SIGIO, 1), chld(main(0))}, want: "kill 2 29, reap 2"},
	{name: "the terminal hangs up", turns: []turn{kernel(unix.SIGHUP), kernel(unix.SIGCONT), chld(main(0))},
		want: "queue 2 1 code -1 from 0, kill -2 18, reap 2"},
	{name: "a stop from the terminal's key, sent by hand", turns: []turn{user(unix.SIGTSTP, 9), user(unix.SIGCONT, 9), chld(main(0))},
		want: "kill -2 20, kill -2 18, reap 2"},
	{name: "the borders of job control", turns: []turn{user(17-1, 9), user(unix.SIGTTIN, 9), user(unix.SIGTTOU, 9), user(unix.SIGURG, 9), chld(main(0))},
		want: "queue 2 16 code -1 from 9, kill -2 21, kill -2 22, queue 2 23 code -1 from 9, reap 2"},
	{name: "to the group", change: toGroup, turns: []turn{user(unix.SIGTERM, 9), user(unix.SIGTSTP, 9), chld(main(0))},
		want: "kill -2 15, kill -2 20, reap 2"},
	{name: "to all", change: toAll, turns: []turn{user(unix.SIGTERM, 9), chld(main(0))}, want: "kill -1 15, reap 2"},
	{name: "to a program that has just ended", turns: []turn{user(unix.SIGTERM, 9), chld(main(0))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.ESRCH}}, want: "rt_sigqueueinfo: ESRCH, reap 2"},
	{name: "where the filter refuses to queue", turns: []turn{user(unix.SIGTERM, 9), chld(main(0))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.EPERM}}, want: "rt_sigqueueinfo: EPERM, kill 2 15, reap 2"},
	{name: "to a program that became another user's, which kill may not reach", turns: []turn{user(unix.SIGTERM, 9), chld(main(0))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.EPERM}, "kill": {unix.EPERM}}, want: "rt_sigqueueinfo: EPERM, kill: EPERM, reap 2"},
	{name: "an alarm that somebody sent is no end of the grace", turns: []turn{user(unix.SIGALRM, 9), chld(main(0))},
		want: "queue 2 14 code -1 from 9, reap 2"},

	{name: "a full queue: the signal waits for room", turns: []turn{user(40, 9), chld(main(0))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.EAGAIN, unix.EAGAIN}, "rt_sigtimedwait": {0, unix.EAGAIN, unix.EAGAIN}},
		want:  "rt_sigqueueinfo: EAGAIN, rt_sigtimedwait: EAGAIN, rt_sigqueueinfo: EAGAIN, rt_sigtimedwait: EAGAIN, queue 2 40 code -1 from 9, reap 2"},
	{name: "a full queue: standard signals go ahead, real-time ones keep their order", children: 1,
		turns: []turn{user(40, 9), user(unix.SIGTERM, 9), chld(death{7, 0}), user(41, 9), chld(main(0))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.EAGAIN, unix.EAGAIN, unix.EAGAIN}},
		want:  "rt_sigqueueinfo: EAGAIN, kill 2 15, rt_sigqueueinfo: EAGAIN, reap 7, rt_sigqueueinfo: EAGAIN, queue 2 40 code -1 from 9, queue 2 41 code -1 from 9, reap 2"},
	{name: "a full queue: the program dies with it", turns: []turn{user(40, 9), chld(main(exits(3)))},
		fails: map[string][]unix.Errno{"rt_sigqueueinfo": {unix.EAGAIN}}, want: "rt_sigqueueinfo: EAGAIN, reap 2", code: 3},

	{name: "with the others left, they are told to stop, and have time", children: 1,
		turns: []turn{chld(main(exits(4))), chld(death{7, killed(unix.SIGTERM)})},
		want:  "reap 2, kill -1 15, kill -1 18, timer 5.000000, reap 7", code: 4},
	{name: "with the others left, they are told once", children: 2,
		turns: []turn{chld(main(0)), chld(death{7, 0}), chld(), chld(death{8, 0})},
		want:  "reap 2, kill -1 15, kill -1 18, timer 5.000000, reap 7, reap 8"},
	{name: "the image's stop signal", children: 1, change: func(in *Init) { in.Stop = int(unix.SIGQUIT); in.Grace = 1500 * time.Millisecond },
		turns: []turn{chld(main(0)), chld(death{7, 0})}, want: "reap 2, kill -1 3, kill -1 18, timer 1.500000, reap 7"},
	{name: "the grace is over", children: 1, turns: []turn{chld(main(exits(4))), kernel(unix.SIGALRM)},
		want: "reap 2, kill -1 15, kill -1 18, timer 5.000000", code: 4},
	{name: "a sent alarm does not shorten the grace", children: 1,
		turns: []turn{chld(main(0)), user(unix.SIGALRM, 9), chld(death{7, 0})},
		want:  "reap 2, kill -1 15, kill -1 18, timer 5.000000, kill -1 14, reap 7"},
	{name: "a signal in the grace goes to all", children: 1, turns: []turn{chld(main(0)), user(unix.SIGINT, 9), chld(death{7, 0})},
		want: "reap 2, kill -1 15, kill -1 18, timer 5.000000, kill -1 2, reap 7"},
	{name: "a stop in the grace goes to all", children: 1, turns: []turn{chld(main(0)), user(unix.SIGCONT, 9), chld(death{7, 0})},
		want: "reap 2, kill -1 15, kill -1 18, timer 5.000000, kill -1 18, reap 7"},
	{name: "a pid that is used again is not the program's", children: 1,
		turns: []turn{chld(main(exits(4))), chld(death{child, exits(9)})},
		want:  "reap 2, kill -1 15, kill -1 18, timer 5.000000, reap 2", code: 4},
	{name: "a grace without end", children: 1, change: func(in *Init) { in.Grace = -1 },
		turns: []turn{chld(main(0)), chld(death{7, 0})}, want: "reap 2, kill -1 15, kill -1 18, reap 7"},
	{name: "a grace of nothing", children: 1, change: func(in *Init) { in.Grace = 0 },
		turns: []turn{chld(main(exits(6)))}, want: "reap 2, kill -1 15, kill -1 18", code: 6},
	{name: "nobody to tell", children: 1, turns: []turn{chld(main(0)), chld(death{7, 0})},
		fails: map[string][]unix.Errno{"kill": {unix.ESRCH, unix.EPERM}},
		want:  "reap 2, kill: ESRCH, kill: EPERM, timer 5.000000, reap 7"},
	{name: "leave with the program", children: 3, change: leaveWithMain,
		turns: []turn{chld(death{7, 0}), user(unix.SIGTERM, 9), chld(death{8, 0}, main(killed(unix.SIGTERM)))},
		want:  "reap 7, queue 2 15 code -1 from 9, reap 8, reap 2", code: 143},
}

func TestInitDecisions(t *testing.T) {
	for _, d := range initDecisions {
		t.Run(d.name, func(t *testing.T) {
			d.check(t, initPlanOf(t, with(d.change), "amd64").Init, slices.Concat(d.turns, d.woken), d.want)
		})
		t.Run(d.name+", the kernel reaping", func(t *testing.T) {
			d.check(t, watchingPlanOf(t, with(d.change), "amd64").Init, slices.Clone(d.turns), d.unwoken())
		})
	}
}

func (d *decision) check(t *testing.T, init *Plan, turns []turn, want string) {
	t.Helper()
	w := &world{turns: turns, zombies: d.zombies, children: 1 + d.children, fails: maps.Clone(d.fails)}
	got, err := Emulate(init, w.call)
	if err != nil || got.Reports != nil || got.Name != "exit_group" || got.Code != d.code {
		t.Errorf("ended with %+v, %v, not code %d", got, err, d.code)
	}
	if text := strings.Join(w.notes, ", "); text != want {
		t.Errorf("did:  %s\nwant: %s", text, want)
	}
	if len(w.turns) != 0 {
		t.Errorf("%d turns are left", len(w.turns))
	}
}

// unwoken is what the init does when the kernel reaps: the same, but it reaps
// only who ended before it let the kernel, and who ends after the program.
func (d *decision) unwoken() string {
	var notes []string
	before := true
	for i, n := range strings.Split(d.want, ", ") {
		reaps := strings.HasPrefix(n, "reap ")
		if !reaps || !before || i < len(d.zombies) {
			notes = append(notes, n)
		}
		before = before && n != fmt.Sprintf("reap %d", child)
	}
	return strings.Join(notes, ", ")
}

// The init's own queue takes half of the room for queued signals.
func TestInitLeavesRoomForTheProgramsSignals(t *testing.T) {
	for limit, want := range map[uint64]string{
		0: "reap 2", 1: "reap 2", 2: "limit 1, reap 2", 96365: "limit 48182, reap 2", 1 << 40: "reap 2", unix.RLIM_INFINITY: "reap 2",
	} {
		w := &world{turns: []turn{chld(main(0))}, children: 1, limit: limit}
		_, err := Emulate(initPlanOf(t, with(nil), "amd64").Init, w.call)
		if text := strings.Join(w.notes, ", "); err != nil || text != want {
			t.Errorf("%d: %s, %v", limit, text, err)
		}
	}
}

// What is done for the program before its execve, in this order.
func TestInitChild(t *testing.T) {
	var calls []string
	spec := minimal()
	spec.Process.Args, spec.Process.Env = []string{"sh", "-c", ":"}, []string{"PATH=/a:/b:/c"}
	f := testFacts(spec, "amd64")
	in := with(nil)
	f.Init, f.Console = &in, true
	p, err := Compile(spec, f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Emulate(p.Init, func(_ int, name string, args []uint64, mem Memory) int64 {
		switch name {
		case "getpid":
			calls = append(calls, name)
			return 1
		case "rt_sigprocmask":
			calls = append(calls, fmt.Sprintf("mask %x", binary.LittleEndian.Uint64(mem.Bytes(args[1], 8))))
		case "ioctl":
			calls = append(calls, fmt.Sprintf("ioctl %d %#x %d", args[0], args[1], binary.LittleEndian.Uint32(mem.Bytes(args[2], 4))))
		case "execve":
			path := mem.String(args[0])
			calls = append(calls, "execve "+path)
			if path != "/b/sh" {
				return -int64(unix.ENOENT)
			}
		default:
			calls = append(calls, name)
		}
		return 0
	})
	want := []string{
		fmt.Sprintf("mask %x", ^faultSignals), "getpid", "prctl", "fcntl", "clone",
		"setpgid", "getpid", "ioctl 0 0x5410 1", "mask 0", "execve /a/sh", "execve /b/sh",
	}
	if err != nil || got.Name != "execve" || !reflect.DeepEqual(calls, want) {
		t.Errorf("%+v, %v, calls\n%q, want\n%q", got, err, calls, want)
	}
}

// An execve that fails is reported with a number that goes on from the
// container's plan, where start finds its words.
func TestInitReportsAFailedExecve(t *testing.T) {
	p := initPlanOf(t, with(nil), "amd64")
	got, err := Emulate(p.Init, func(_ int, name string, _ []uint64, _ Memory) int64 {
		switch name {
		case "getpid":
			return 1
		case "execve":
			return -int64(unix.ENOEXEC)
		}
		return 0
	})
	if err != nil || len(got.Reports) != 1 || got.Reports[0].Value != -int32(unix.ENOEXEC) {
		t.Fatalf("%+v, %v", got, err)
	}
	step, ok := p.At(int(got.Reports[0].Step))
	if c, is := step.Op.(Call); !ok || !is || c.Name != "execve" {
		t.Errorf("report of %+v", step)
	}
}

func TestInitRefusesToBeAnythingButPID1(t *testing.T) {
	got, err := Emulate(initPlanOf(t, with(nil), "amd64").Init, func(_ int, name string, _ []uint64, _ Memory) int64 {
		if name != "getpid" && name != "rt_sigprocmask" {
			t.Errorf("calls %s", name)
		}
		return 1234
	})
	if err != nil || got.Code != 1 || len(got.Reports) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInitNeedsAPIDNamespace(t *testing.T) {
	for _, name := range []string{"docker-hostpid", "docker-joinpidns"} {
		spec := loadRecorded(t, name)
		f := testFacts(spec, "amd64")
		in := with(nil)
		f.Init = &in
		if _, err := Compile(spec, f); err == nil || !strings.Contains(err.Error(), "no PID namespace") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInitPlansAreGolden(t *testing.T) {
	for name, change := range map[string]func(*Init){"init": nil, "init-all": toAll, "init-main": leaveWithMain} {
		checkInitPlan(t, name, printed(t, initPlanOf(t, with(change), "amd64").Init), printed(t, initPlanOf(t, with(change), "arm64").Init))
	}
	checkInitPlan(t, "init-kernel-reaps", printed(t, watchingPlanOf(t, with(nil), "amd64").Init), printed(t, watchingPlanOf(t, with(nil), "arm64").Init))
}

func checkInitPlan(t *testing.T, name, text, arm64 string) {
	t.Helper()
	if arm64 != text {
		t.Errorf("the plan of arm64 reads otherwise:\n%s", golden.Difference([]byte(text), []byte(arm64)))
	}
	golden.Check(t, "init/"+name+".txt", []byte(text))
}

func TestInitIsSmall(t *testing.T) {
	for _, arch := range arches {
		for _, p := range []*Plan{initPlanOf(t, with(nil), arch), watchingPlanOf(t, with(nil), arch)} {
			if n := len(mustAssemble(t, p.Init).ELF); n > 4096 {
				t.Errorf("%s: %d bytes", arch, n)
			}
		}
	}
}
