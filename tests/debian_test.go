package tests

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// debian is a container with a Debian root file system, read-only.
func debian(t *testing.T, mods ...rig.Mod) *rig.Container {
	t.Helper()
	r := rig.New(t)
	root, err := rig.Debian()
	if err != nil {
		rig.Skip(t, "no Debian root file system: %v", err)
	}
	return r.Bare(append(mods, func(s *specs.Spec) { s.Root = &specs.Root{Path: root, Readonly: true} })...)
}

func TestDebianBash(t *testing.T) {
	got := debian(t, rig.Args("bash", "-c", `echo $BASH_VERSION $$; ls / | wc -l; set -o pipefail; seq 1 1000 | sort -rn | head -1; ps -o pid= -p 1`)).Output()
	f := strings.Fields(got)
	if len(f) != 5 || !strings.HasPrefix(f[0], "5.") || f[1] != "1" || f[3] != "1000" || f[4] != "1" {
		t.Errorf("%q", got)
	}
}

// python sees its environment as libc does, and 200 children that are reaped.
func TestDebianPython(t *testing.T) {
	const script = `
import os, signal, sys
assert os.getpid() == 1, os.getpid()
assert all(signal.getsignal(s) == signal.SIG_DFL for s in (1, 3, 15)), "not default"
for i in range(200):
    if os.fork() == 0:
        os._exit(i % 256)
codes = sorted(os.waitstatus_to_exitcode(os.wait()[1]) for i in range(200))
assert codes == sorted(i % 256 for i in range(200)), codes
os.write(1, b"all is well\n")
sys.exit(5)
`
	x := debian(t, rig.Args("python3", "-c", script)).Run()
	if x.Code != 5 || x.Stdout != "all is well\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

// A PID 1 with several threads, of which the leader is gone.
func TestDebianThreads(t *testing.T) {
	const script = `
import threading, time
for i in range(4):
    threading.Thread(target=time.sleep, args=(1000,)).start()
print("ready", flush=True)
`
	c := debian(t, rig.Args("python3", "-c", script)).MustCreate().MustStart()
	rig.Eventually(func() bool { return c.ProcStatus(c.Pid(), "Threads") == "5" })
	if got := c.Status(); got != "running" {
		t.Errorf("status %s", got)
	}
	c.MustDelete("--force")
}
