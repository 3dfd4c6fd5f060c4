package nsinit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func subreaper(t *testing.T, watches bool) *Plan {
	t.Helper()
	spec := minimal()
	f := testFacts(spec, "amd64")
	in := with(nil)
	f.Wait, f.Init, f.ExitInfo = false, &in, watches
	p, err := CompileExec(spec, spec.Process, f, Join{Namespaces: unix.CLONE_NEWPID | unix.CLONE_NEWNS})
	if err == nil {
		err = lintInit(p.Init)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Init
}

// A subreaper is not PID 1: it adopts before there is anything to adopt, and
// never sends a signal to whom it does not know.
func TestASubreaperIsNoPIDOne(t *testing.T) {
	for _, watches := range []bool{false, true} {
		p := subreaper(t, watches)
		list := kinds(p)
		if slices.Contains(list, "getpid") || slices.Index(list, "PR_SET_CHILD_SUBREAPER") != 1 {
			t.Errorf("begins with %v", list[:4])
		}
		for i, s := range p.Steps {
			if c, ok := s.Op.(Call); ok && c.Name == "kill" && strings.Contains(fmt.Sprint(c.Args[0]), "-1") {
				t.Errorf("step %d: kill(-1)", i+1)
			}
		}
	}
}

// It ends with the program's code, when the last of its children has ended, or
// when it is told to.
func TestASubreaperOutlivesItsProgram(t *testing.T) {
	const program, orphan = 7, 9
	for name, c := range map[string]struct {
		dead    []int // what wait4 takes; 0: the others live; -1: there is none
		signals []unix.Signal
		code    int
	}{
		"nothing is left":      {[]int{program, -1}, []unix.Signal{unix.SIGCHLD}, 5},
		"an orphan ends later": {[]int{program, 0, orphan, -1}, []unix.Signal{unix.SIGCHLD, unix.SIGCHLD}, 5},
		"it is told to end":    {[]int{program, 0}, []unix.Signal{unix.SIGCHLD, unix.SIGTERM}, 5},
	} {
		dead, signals := c.dead, c.signals
		got, err := Emulate(subreaper(t, false), func(_ int, name string, args []uint64, mem Memory) int64 {
			switch name {
			case "clone":
				return program
			case "rt_sigtimedwait":
				sig := signals[0]
				signals = signals[1:]
				return int64(sig)
			case "wait4":
				pid := dead[0]
				dead = dead[1:]
				if pid == program {
					mem.Bytes(args[1], 4)[1] = 5
				}
				if pid < 0 {
					return -int64(unix.ECHILD)
				}
				return int64(pid)
			}
			return 0
		})
		if err != nil || got.Code != c.code || len(dead)+len(signals) > 0 {
			t.Errorf("%s: %+v, %v; left: %v %v", name, got, err, dead, signals)
		}
	}
}
