package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// observer builds minirun-observe beside the minirun under test, once.
var observer struct {
	sync.Once
	err error
}

// observeRig is a rig of minirun's with all its sources.
func observeRig(t *testing.T) *rig.Rig {
	t.Helper()
	r := stopRig(t)
	observer.Do(func() {
		observer.err = rig.Build("minirun/cmd/minirun-observe", filepath.Join(filepath.Dir(r.Runtime.Path), "minirun-observe"))
	})
	if observer.err != nil {
		t.Fatal(observer.err)
	}
	return r
}

// A watch is a minirun observe under way.
type watch struct {
	*rig.Call
	c    *rig.Container
	file string
	said string // what it printed up to its first event
}

// observed starts to observe a container, after the options and with the flags
// given, and returns when nothing will be missed.
func observed(c *rig.Container, wrap []string, flags ...string) *watch {
	c.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	defer from.Close()
	w := &watch{c: c, file: c.Path("timeline-" + c.ID)}
	args := append(append([]string{"observe", "--format", "json", "-o", w.file}, flags...), c.ID)
	w.Call = c.Spawn(args, func(cmd *exec.Cmd) {
		cmd.Stderr = to
		if wrap != nil {
			cmd.Args = append(append([]string{}, wrap...), cmd.Args...)
			cmd.Path, cmd.Err = wrap[0], nil
		}
	})
	to.Close()
	from.SetReadDeadline(time.Now().Add(rig.Deadline))
	lines := bufio.NewReader(from)
	for !strings.Contains(w.said, "observing ") {
		line, err := lines.ReadString('\n')
		w.said += line
		if err != nil {
			c.Fatalf("observe does not begin: %v: %s", err, w.said)
		}
	}
	return w
}

// A moment is a line of a timeline, as far as the tests look at it.
type moment struct {
	Kind, Evidence, Source, SignalName, Outcome, Reason, Way, Text, State string
	Time                                                                  int64
	Task, Target                                                          struct{ Tgid, Inside, Depth, Own int }
	Status                                                                *int
	GroupDead                                                             bool
	Cause                                                                 struct {
		Kind, Words string
		Code        int
	}
	Skipped, Words []string
	Lost           int
}

// timeline waits for the end of the observation and reads what it wrote.
func (w *watch) timeline() []moment {
	w.c.Helper()
	if x := w.Wait(); x.Code != 0 {
		w.c.Fatalf("observe: code %d", x.Code)
	}
	return readTimeline(w.c.Rig, w.file)
}

func readTimeline(r *rig.Rig, file string) (list []moment) {
	r.Helper()
	for line := range strings.Lines(r.Read(file)) {
		var e moment
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.Fatalf("%v: %s", err, line)
		}
		list = append(list, e)
	}
	if n := len(list); n < 2 || list[0].Kind != "timeline" || list[n-1].Kind != "summary" {
		r.Fatalf("no timeline: %s", r.Read(file))
	}
	return list
}

// line is a moment without what differs from run to run: pids are those inside.
func (e moment) line() string {
	who := fmt.Sprint(e.Task.Inside)
	switch e.Kind {
	case "generate":
		if e.Evidence == "predicted" {
			e.Outcome = "predicted " + e.Outcome
		}
		if e.Way == "child" { // what comes of it is the engine's matter
			e.Outcome = "sent"
		}
		return fmt.Sprintf("%s>%d %s %s %s", who, e.Target.Inside, strings.TrimPrefix(e.SignalName, "SIG"), e.Way, e.Outcome)
	case "deliver":
		return fmt.Sprintf("%s takes %s %s", who, strings.TrimPrefix(e.SignalName, "SIG"), e.Outcome)
	case "exit", "ended":
		if e.Kind == "exit" && !e.GroupDead {
			return who + " thread exit"
		}
		if e.Status == nil {
			return who + " " + e.Kind
		}
		return fmt.Sprintf("%s %s %#x", who, e.Kind, *e.Status&^0x80)
	case "rung":
		return e.Text
	case "populated":
		return "populated"
	case "census":
		return who + " census " + e.State
	}
	return who + " " + e.Kind
}

// inOrder finds each line after the one before; what stands between does not
// matter, as far as it is not forbidden ("!line").
func inOrder(t testing.TB, list []moment, want ...string) {
	t.Helper()
	var have []string
	i := 0
	for _, e := range list {
		line := e.line()
		have = append(have, line)
		if i < len(want) && matches(line, want[i]) {
			i++
		}
		for _, w := range want {
			if w == "!"+line {
				t.Errorf("there is a %q", line)
			}
		}
		for i < len(want) && want[i][0] == '!' {
			i++
		}
	}
	if i < len(want) {
		t.Errorf("no %q in its place in\n%s", want[i], strings.Join(have, "\n"))
	}
}

// matches: a wanted line may end in a star.
func matches(line, want string) bool {
	begins, open := strings.CutSuffix(want, "*")
	return line == want || open && strings.HasPrefix(line, begins)
}

// wordsOf are the words of the summary, and the reasons and causes of all entries.
func wordsOf(list []moment) string {
	var b strings.Builder
	for _, e := range list {
		for _, s := range append([]string{e.Reason, e.Cause.Words, e.Text}, e.Words...) {
			b.WriteString(s + "\n")
		}
	}
	return b.String()
}

// The timelines that minirun observe is for. What proc cannot see is not
// wanted of it: no fork, no signal but those of minirun, whose verdict it
// predicts, and no order among those who end together.
var timelines = []struct {
	name   string
	script string
	mods   []rig.Mod
	create []string
	act    func(c *rig.Container)
	want   []string // of bpf and tracefs
	proc   []string
	words  []string // of all sources
}{
	{
		name: "TERM ignored, then KILL with three children", script: "sleep 1000 & sleep 1000 & sleep 1000 & : >/ready; while :; do sleep 1000; done",
		act: func(c *rig.Container) { madeReady(c); stopIt(c, "--time", "1s") },
		want: []string{"1 exec", "1 fork", "1 fork", "1 fork", "stop: asked", "1 census S", "0>1 TERM minirun ignored", "stop: killed",
			"0>1 KILL minirun fatal", "1 takes KILL fatal", "1 exit 0x9", "1>2 KILL zap fatal", "2 exit 0x9", "1>0 CHLD child sent", "stop: gone"},
		proc:  []string{"1 census S", "stop: asked", "0>1 TERM minirun predicted ignored", "stop: killed", "0>1 KILL minirun predicted fatal", "1 ended 0x9"},
		words: []string{"PID 1 has no handler for SIGTERM", "ended with 137 = 128+9 (SIGKILL)"},
	},
	{
		name: "the same with --init", script: "sleep 1000 & sleep 1000 & : >/ready; wait", create: []string{"--init"},
		act:  func(c *rig.Container) { madeReady(c); stopIt(c, "--time", "9s") },
		want: []string{"stop: asked", "0>1 TERM minirun *", "1>2 TERM user fatal", "2 exit 0xf", "1 exit 0x8f00", "1 ended 0x8f00"},
		proc: []string{"0>1 TERM minirun predicted *", "1 ended 0x8f00"},
	},
	{
		name: "out of memory", script: "tail /dev/zero; exit 3", act: waitForEnd,
		mods: []rig.Mod{func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
		}},
		want:  []string{"1 fork", "2 exec", "2>2 KILL oom fatal", "2 takes KILL fatal", "2 exit 0x9", "1 exit 0x300", "1 ended 0x300", "!1>2 KILL zap fatal"},
		proc:  []string{"1 ended 0x300"},
		words: []string{"3"},
	},
	{
		name: "a handler that raises its signal again", script: "trap 'trap - TERM; kill -TERM $$' TERM; : >/ready; while :; do sleep 0.01; done",
		act: func(c *rig.Container) {
			madeReady(c)
			c.Kill("TERM")
			rig.Eventually(func() bool { return c.ProcStatus(c.Pid(), "SigCgt") == "0000000000000000" })
			c.Kill("TERM")
			c.Kill("KILL")
		},
		want: []string{"0>1 TERM minirun handler", "1 takes TERM handler", "1>1 TERM self ignored", "0>1 TERM minirun ignored", "0>1 KILL minirun fatal", "1 exit 0x9"},
		proc: []string{"0>1 TERM minirun predicted handler", "0>1 TERM minirun predicted ignored", "0>1 KILL minirun predicted fatal", "1 ended 0x9"},
	},
	{
		name: "a nested PID namespace", script: "unshare -pf sh -c 'kill -TERM $$; : >/ready; sleep 1000'", mods: []rig.Mod{rig.AllCaps()},
		act:  func(c *rig.Container) { madeReady(c); c.Kill("KILL") },
		want: []string{"1 exec", "0>1 KILL minirun fatal", "1 exit 0x9", "1 ended 0x9"},
		proc: []string{"0>1 KILL minirun predicted fatal", "1 ended 0x9"},
	},
}

func waitForEnd(c *rig.Container) { c.Do("wait", "--time", "20s", c.ID) }

func madeReady(c *rig.Container) {
	c.Helper()
	if !rig.Eventually(func() bool { _, err := os.Stat(c.Rootfs() + "/ready"); return err == nil }) {
		c.Fatal("the container is not ready")
	}
}

var allSources = []string{"bpf", "tracefs", "proc"}

func TestTimelines(t *testing.T) {
	for _, source := range allSources {
		for _, c := range timelines {
			t.Run(source+"/"+c.name, func(t *testing.T) {
				r := observeRig(t)
				box := r.Container(append([]rig.Mod{rig.Sh(c.script)}, c.mods...)...).MustCreate(c.create...)
				w := observed(box, nil, "--source", source)
				box.MustStart()
				c.act(box)
				list := w.timeline()
				want := c.want
				if source == "proc" {
					want = c.proc
				}
				inOrder(t, list, want...)
				legal(t, list)
				all := wordsOf(list)
				for _, words := range c.words {
					if !strings.Contains(all, words) {
						t.Errorf("no %q in %s", words, all)
					}
				}
				if last := list[len(list)-1]; last.Lost != 0 {
					t.Errorf("%d events lost", last.Lost)
				}
			})
		}
	}
}

// legal: no process does anything before its fork or after its reaping, and
// every end has a cause.
func legal(t *testing.T, list []moment) {
	t.Helper()
	const forked, left, reaped = 1, 2, 3
	state := map[int]int{}
	var last int64
	for i, e := range list {
		if e.Time < last && e.Time != 0 {
			t.Errorf("entry %d goes back in time", i)
		}
		last = max(last, e.Time)
		pid := e.Task.Tgid
		switch e.Kind {
		case "fork":
			if e.Target.Tgid != e.Task.Tgid {
				state[e.Target.Tgid] = forked
			}
		case "exec", "deliver":
			if state[pid] > forked {
				t.Errorf("%s after its end", e.line())
			}
		case "exit":
			if !e.GroupDead {
				break
			}
			if state[pid] > forked {
				t.Errorf("%s after its end", e.line())
			}
			state[pid] = left
			if e.Cause.Kind == "" || e.Cause.Kind == "untold" {
				t.Errorf("%s has no cause", e.line())
			}
		case "reap":
			if state[pid] == forked {
				t.Errorf("%s before its end", e.line())
			}
			state[pid] = reaped
		}
	}
}

// An unreaped process whose parent is outside holds up the end of PID 1.
func TestTheTimelineOfAZombieThatHoldsUpZap(t *testing.T) {
	for _, source := range allSources {
		t.Run(source, func(t *testing.T) {
			c := up(observeRig(t), "sleep 1000")
			w := observed(c, nil, "--source", source)
			c.OK("exec", "--detach", "--pid-file", c.Path("pid"), c.ID, "sh", "-c", "exit 0")
			pid, err := strconv.Atoi(c.Read(c.Path("pid")))
			if err != nil {
				t.Fatal(err)
			}
			if !rig.Eventually(func() bool { return rig.Stat(pid).State == 'Z' }) {
				t.Fatal("no zombie")
			}
			init := c.Pid()
			c.OK("kill", c.ID, "KILL")
			if !rig.Eventually(func() bool { return strings.Contains(c.Proc(init, "wchan"), "zap_pid_ns") }) {
				t.Fatal("PID 1 is not held up")
			}
			rig.ReapOrphans()
			list := w.timeline()
			if source != "proc" {
				inOrder(t, list, "0>1 KILL minirun fatal", "1 exit 0x9", "1 ended 0x9")
			} else {
				inOrder(t, list, "0>1 KILL minirun predicted fatal", "1 ended 0x9")
			}
			if !strings.Contains(wordsOf(list), "exec: the stage has joined") {
				t.Error("exec is not told")
			}
		})
	}
}

// abort(3) in PID 1 ends by the fault of the instruction after it.
func TestTheTimelineOfAbort(t *testing.T) {
	root, err := rig.Debian()
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range allSources {
		t.Run(source, func(t *testing.T) {
			r := observeRig(t)
			c := r.Bare(rig.Args("python3", "-c", "import os; os.abort()"), func(s *specs.Spec) { s.Root.Path, s.Root.Readonly = root, true })
			c.MustCreate()
			w := observed(c, nil, "--source", source)
			c.MustStart()
			list := w.timeline()
			if source != "proc" {
				inOrder(t, list, "1 exec", "1>1 ABRT self ignored", "1>1 SEGV fault fatal_core", "1 exit 0xb", "1 ended 0xb")
			} else {
				inOrder(t, list, "1 ended 0xb")
			}
		})
	}
}

// Where a source is not to be had, the next is taken, and a line says why.
func TestTheNextSourceDown(t *testing.T) {
	hide := func(what string) string { return "for d in " + what + "; do mount -t tmpfs none $d; done; " }
	const btf, tracing = "/sys/kernel/btf", "/sys/kernel/tracing"
	for name, c := range map[string]struct {
		script string
		source string
		said   []string
	}{
		"all there":          {"", "bpf", nil},
		"no BTF":             {hide(btf), "tracefs", []string{"source bpf: not available: "}},
		"no BTF, no tracefs": {hide(btf + " " + tracing), "proc", []string{"source bpf: not available: ", "source tracefs: not available: tracefs is not mounted"}},
		"neither CAP_BPF nor CAP_SYS_ADMIN": {"exec setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps -sys_admin,-bpf,-perfmon ", "tracefs",
			[]string{"source bpf: not available: "}},
	} {
		t.Run(name, func(t *testing.T) {
			box := observeRig(t).Container(rig.Sh("exit 4")).MustCreate()
			script := c.script + `exec "$@"`
			if strings.HasPrefix(c.script, "exec") {
				script = c.script + `"$@"`
			}
			w := observed(box, []string{"/usr/bin/unshare", "--mount", "sh", "-c", script, "sh"})
			box.MustStart()
			list := w.timeline()
			if c.source != "" && list[0].Source != c.source {
				t.Errorf("source %s: %s", list[0].Source, w.said)
			}
			for i, line := range c.said {
				if !strings.Contains(w.said, line) || len(list[0].Skipped) <= i {
					t.Errorf("no %q in %s, %q", line, w.said, list[0].Skipped)
				}
			}
			if len(c.said) == 0 && len(list[0].Skipped) > 0 {
				t.Errorf("skipped %q", list[0].Skipped)
			}
			inOrder(t, list, "1 ended 0x400")
		})
	}
	t.Run("a source by its name is not replaced", func(t *testing.T) {
		r := observeRig(t)
		box := r.Container(rig.Sh("exit 4")).MustCreate()
		x := box.DoWith([]rig.Option{func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"/usr/bin/unshare", "--mount", "sh", "-c", hide(tracing) + `exec "$@"`, "sh"}, cmd.Args...)
			cmd.Path = cmd.Args[0]
		}}, "observe", "--source", "tracefs", box.ID)
		wants(t, x, 1, "source tracefs: not available")
		wants(t, box.Do("observe", "--source", "none", box.ID), 1, `unknown source "none"`)
	})
}
