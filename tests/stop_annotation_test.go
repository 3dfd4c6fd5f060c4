package tests

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func annotation(key, value string) rig.Mod {
	return func(s *specs.Spec) { s.Annotations = map[string]string{key: value} }
}

// An engine stops a container by two calls of kill. The annotation makes one
// timeline of them, begun by the first, and by no signal that asks for no end.
func TestAnEnginesStopIsExplained(t *testing.T) {
	r := observeRig(t)
	file := r.Path("{id}.json")
	c := r.Container(rig.Sh("sleep 1000"), annotation("minirun.stop", file)).MustCreate().MustStart()
	file = r.Path(c.ID + ".json")
	c.OK("kill", c.ID, "WINCH")
	if len(observers(c.ID)) != 0 {
		t.Error("SIGWINCH is observed")
	}
	c.OK("kill", c.ID, "15")
	list := observers(c.ID)
	if len(list) != 1 {
		t.Fatalf("observers: %v", list)
	}
	c.OK("kill", c.ID, "9")
	c.WaitStopped()
	c.MustDelete()
	if !rig.Gone(list[0]) {
		t.Error("the observer lives on")
	}
	events := readTimeline(r, file)
	inOrder(t, events, "0>1 TERM minirun ignored", "0>1 KILL minirun fatal", "1 exit 0x9", "1 ended 0x9")
	for _, want := range []string{"kill: SIGTERM", "predicted ignored: PID 1 has no handler for SIGTERM; the caller's grace is in vain",
		"kill: SIGKILL", "after SIGTERM, which was ignored: PID 1 has no handler for SIGTERM"} {
		if !strings.Contains(wordsOf(events), want) {
			t.Errorf("no %q in\n%s", want, wordsOf(events))
		}
	}
}

// What ends by delete --force has asked for nothing before.
func TestADeleteIsExplained(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("sleep 1000"), annotation("minirun.stop", "end.json")).MustCreate().MustStart()
	c.MustDelete("--force")
	file := c.Bundle + "/end.json"
	if !rig.Eventually(func() bool { return len(observers(c.ID)) == 0 }) {
		t.Error("the observer lives on")
	}
	events := readTimeline(r, file)
	inOrder(t, events, "0>1 KILL minirun fatal", "1 ended 0x9")
	if !strings.Contains(wordsOf(events), "SIGKILL, and nothing before it") {
		t.Error(wordsOf(events))
	}
}

// A signal is never held back by what would explain it.
func TestAStopThatCannotBeExplainedGoesOn(t *testing.T) {
	r := observeRig(t)
	for name, mods := range map[string][]rig.Mod{
		"no such file or directory":   {annotation("minirun.stop", r.Path("no/such"))},
		"no PID namespace of its own": {annotation("minirun.stop", r.Path("file")), rig.HostNamespace(specs.PIDNamespace)},
	} {
		c := r.Container(append(mods, rig.Sh("exec sleep 1000"))...).MustCreate().MustStart()
		x := c.Do("kill", c.ID, "KILL")
		if x.Code != 0 || !strings.Contains(x.Stderr, "annotation minirun.stop: ") || !strings.Contains(x.Stderr, name) {
			t.Errorf("code %d: %s, want %q", x.Code, x.Stderr, name)
		}
		c.WaitStopped()
		c.MustDelete()
	}
}

// --annotation is for engines that cannot write any: docker before 24.
func TestAnnotationsOfTheCommandLine(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--annotation")
	r.Global = []string{"--annotation", "minirun.init=true", "--annotation=k=a=b"}
	c := r.Container(rig.Sh("cat /proc/1/comm"))
	if got := c.Output(); got != "minirun-init" {
		t.Errorf("PID 1 is %s", got)
	}
	own := r.Container(rig.Sh("cat /proc/1/comm"), annotation("minirun.init", "false"))
	if got := own.Output(); got == "minirun-init" {
		t.Error("config.json has no precedence")
	}
	kept := r.Container().MustCreate()
	if a := kept.State().Annotations; a["k"] != "a=b" || a["minirun.init"] != "true" {
		t.Errorf("annotations %v", a)
	}
	kept.MustDelete("--force")
	for _, bad := range []string{"", "k", "=v"} {
		r.Global = []string{"--annotation", bad}
		wants(t, c.Do("list"), 1, "want KEY=VALUE")
	}
}
