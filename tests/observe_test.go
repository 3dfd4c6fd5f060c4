package tests

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

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
		want: []string{"1 exec", "1 fork", "1 fork", "1 fork", "stop: asked", "1 census *", "0>1 TERM minirun ignored", "stop: killed",
			"0>1 KILL minirun fatal", "1 takes KILL fatal", "1 exit 0x9", "1>2 KILL zap fatal", "2 exit 0x9", "1>0 CHLD child sent", "stop: gone"},
		proc:  []string{"1 census *", "stop: asked", "0>1 TERM minirun predicted ignored", "stop: killed", "0>1 KILL minirun predicted fatal", "1 ended 0x9"},
		words: []string{"PID 1 has no handler for SIGTERM", "ended with 137 = 128+9 (SIGKILL)"},
	},
	{
		name: "the same with --init", script: "sleep 1000 & sleep 1000 & : >/ready; wait", create: []string{"--init"},
		act:  func(c *rig.Container) { madeReady(c); stopIt(c, "--time", "9s") },
		want: []string{"stop: asked", "0>1 TERM minirun *", "1>2 TERM user fatal", "2 exit 0xf", "1 exit 0x8f00", "1 ended 0x8f00"},
		proc: []string{"0>1 TERM minirun predicted consumable", "1 ended 0x8f00"},
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
		name: "a handler that raises its signal again", script: "trap 'trap - TERM; kill -TERM $$; : >/raised' TERM; : >/ready; while :; do sleep 0.01; done",
		act: func(c *rig.Container) {
			madeReady(c)
			c.Kill("TERM")
			rig.Eventually(func() bool { _, err := os.Stat(c.Rootfs() + "/raised"); return err == nil })
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
