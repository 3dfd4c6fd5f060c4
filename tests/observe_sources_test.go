package tests

import (
	"os/exec"
	"strings"
	"testing"

	"minirun/tests/rig"
)

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
