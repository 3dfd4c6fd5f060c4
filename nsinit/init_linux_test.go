package nsinit

import (
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runInit executes an init as PID 1 of a new PID namespace of this machine's
// processor or of qemu's, with a shell script as its program.
func runInit(t *testing.T, arch, script string, kernelReaps bool, change func(*Init)) ran {
	t.Helper()
	spec := minimal()
	spec.Process.Args, spec.Process.Env = []string{"sh", "-c", script}, []string{"PATH=/nowhere:/bin:/usr/bin"}
	in := with(change)
	f := testFacts(spec, arch)
	f.Init, f.ExitInfo = &in, kernelReaps
	p, err := Compile(spec, f)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, p.Init, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
}

// A program and its orphans, on both architectures.
func TestInitOnTheKernel(t *testing.T) {
	up := filepath.Join(t.TempDir(), "up") // a process has set its traps
	whenUp := `until [ -e ` + up + ` ]; do sleep 0.01; done; rm ` + up + `; `
	for name, c := range map[string]struct {
		script string
		change func(*Init)
		stdout string
		code   int
	}{
		"code":             {script: `exit 5`, code: 5},
		"signal":           {script: `kill -9 $$`, code: 137},
		"child of PID 1":   {script: `echo $PPID`, stdout: "1\n"},
		"orphans":          {script: `for i in 1 2 3; do (sh -c : &); done; sleep 0.1; echo done`, stdout: "done\n"},
		"others stop":      {script: `sh -c 'trap "echo stopped; exit" TERM; echo up; : >` + up + `; while :; do sleep 0.01; done' & ` + whenUp + `exit 3`, stdout: "up\nstopped\n", code: 3},
		"others are late":  {script: `sh -c 'trap "" TERM; : >` + up + `; while :; do sleep 0.01; done' & ` + whenUp + `exit 3`, change: func(in *Init) { in.Grace = 50 * time.Millisecond }, code: 3},
		"a map of codes":   {script: `exit 9`, change: func(in *Init) { in.Exit = []ExitCode{{9, 4}} }, code: 4},
		"signals come on":  {script: `trap 'echo got; exit 2' USR1; kill -USR1 1; while :; do sleep 0.01; done`, stdout: "got\n", code: 2},
		"signals to group": {script: `trap 'echo got; exit 2' USR1; kill -USR1 1; while :; do sleep 0.01; done`, change: toGroup, stdout: "got\n", code: 2},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(t *testing.T, got ran) {
				if got.status != syscall.WaitStatus(c.code<<8) || got.stdout != c.stdout || got.reports != nil {
					t.Errorf("got %+v, want %q and code %d", got, c.stdout, c.code)
				}
			}
			onEach(t, func(t *testing.T, arch string) { check(t, runInit(t, arch, c.script, false, c.change)) })
			// qemu's user mode does not know PIDFD_GET_INFO.
			t.Run("the kernel reaping", func(t *testing.T) { check(t, runInit(t, runtime.GOARCH, c.script, true, c.change)) })
		})
	}
}

func TestInitReportsWhatItCannotExecute(t *testing.T) {
	onEach(t, func(t *testing.T, arch string) {
		spec := minimal()
		spec.Process.Args = []string{"/no/such/program"}
		in := with(nil)
		f := testFacts(spec, arch)
		f.Init = &in
		p, err := Compile(spec, f)
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, p.Init, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
		if len(got.reports) != 1 || got.reports[0].Value != -int32(syscall.ENOENT) || got.status != 1<<8 {
			t.Fatalf("got %+v", got)
		}
		if s, _ := p.At(int(got.reports[0].Step)); !strings.Contains(s.Why, "exec") {
			t.Errorf("step %+v", s)
		}
	})
}
