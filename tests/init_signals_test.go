package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// Every signal that PID 1 is sent, one after the other, and which of them the
// program does not get. The last signal of all comes after each: what has not
// come before it never will, as both take the lowest number first.
func TestInitForwards(t *testing.T) {
	missing := map[string]string{
		"minirun":   "4 5 6 7 8 11 17 31",                // faults, CHLD
		"tini":      "4 5 6 7 8 11 17 21 22 31 32 33",    // and TTIN, TTOU, what glibc keeps for threads
		"catatonit": "4 5 6 7 8 11 17 20 21 22 31 32 33", // and TSTP
		"dumb-init": "17 20 21 22 32 33",                 // faults too; it stops the program by STOP
	}
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		_, call, pid := i.start(r, witness())
		var lost []string
		marks := 0
		const last = 64
		for sig := 1; sig <= last; sig++ {
			if sig == int(unix.SIGKILL) || sig == int(unix.SIGSTOP) {
				continue
			}
			if err := unix.Kill(pid, unix.Signal(sig)); err != nil {
				r.Fatal(err)
			}
			if i.name == "dumb-init" && 20 <= sig && sig <= 22 {
				rig.Eventually(func() bool { return rig.Stat(childOf(r, pid)).State == 'T' })
				unix.Kill(pid, unix.SIGCONT)
			}
			if sig < last {
				unix.Kill(pid, last)
			}
			marks++
			if !rig.Eventually(func() bool { return arrived(r, call, last) == marks }) {
				r.Fatalf("no signal %d after %d", last, sig)
			}
			if arrived(r, call, sig) == 0 {
				lost = append(lost, fmt.Sprint(sig))
			}
		}
		if got := strings.Join(lost, " "); got != missing[i.name] {
			r.Errorf("not received: %s, want %s", got, missing[i.name])
		}
	})
}

// arrived is how many of a signal have come to the witness.
func arrived(r *rig.Rig, call *rig.Call, sig int) (n int) {
	for _, info := range infos(r, call.Output()) {
		if info.sig == sig {
			n++
		}
	}
	return n
}

// What a program learns of who sent a signal, and how.
func TestInitKeepsTheSender(t *testing.T) {
	const inside = `(until grep -q prog /proc/$$/comm && grep -q State:.S /proc/$$/status; do sleep 0.02; done; kill -USR1 1) & exec /prog`
	for _, c := range []struct {
		name string
		send func(pid int) error
		want string // of minirun
		peer string
	}{
		{"kill from the host", func(pid int) error { return unix.Kill(pid, unix.SIGUSR1) },
			"code -1 pid 0 value 0", "code 0 pid 1 value 0"},
		{"sigqueue from the host", func(pid int) error { return sigqueue(pid, int(unix.SIGUSR1), 42) },
			"code -1 pid 0 value 42", "code 0 pid 1 value 0"},
		{"kill from inside", nil, "code -1 pid 3 value 0", "code 0 pid 1 value 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachInit(t, func(r *rig.Rig, i initProgram) {
				con := i.container(r, rig.Sh(inside))
				if c.send != nil {
					con = i.container(r, rig.Args("/prog"))
				}
				witness().build(con)
				call := r.Spawn(append(append([]string{"run", "-d", "--bundle", con.Bundle}, i.flags...), con.ID))
				awaitReady(r, call, func() {})
				if c.send != nil {
					if err := c.send(con.Pid()); err != nil {
						t.Fatal(err)
					}
				}
				if !rig.Eventually(func() bool { return arrived(r, call, int(unix.SIGUSR1)) > 0 }) {
					t.Fatal("no signal came")
				}
				want := c.want
				if i.path != "" {
					want = c.peer
				}
				for _, info := range infos(t, call.Output()) {
					if info.sig == int(unix.SIGUSR1) && info.String() != want {
						t.Errorf("%s, not %s", info, want)
					}
				}
			})
		})
	}
}

// A hundred thousand real-time signals, each with a number, while the queues
// of the init and of the program hold fewer: none that the kernel took is
// lost, and they come in order. Standard signals get through meanwhile.
func TestInitLosesNoSignalOfAStorm(t *testing.T) {
	const storm, room, sig = 100_000, 200, 40
	r := rig.New(t)
	r.MinirunOnly("--init")
	i := inits[0]
	_, call, pid := i.start(r, witness(), func(s *specs.Spec) {
		s.Process.User.UID = 54321 // its count of queued signals is nobody else's
		s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_SIGPENDING", Hard: room, Soft: room})
	})
	full, begun := 0, time.Now()
	for n := 0; n < storm && time.Since(begun) < rig.Deadline; {
		switch err := sigqueue(pid, sig, n); err {
		case nil:
			n++
		case unix.EAGAIN:
			full++
			time.Sleep(50 * time.Microsecond)
		default:
			t.Fatal(err)
		}
		if n == storm/2 {
			unix.Kill(pid, unix.SIGUSR2)
		}
	}
	want := len(readyText) + (storm+1)*infoSize
	if !rig.Eventually(func() bool { return len(call.Output()) >= want }) {
		t.Errorf("%d bytes of %d", len(call.Output()), want)
	}
	next, others := 0, 0
	for _, info := range infos(t, call.Output()) {
		switch {
		case info.sig != sig:
			others++
		case info.value != next:
			t.Fatalf("number %d in the place of %d", info.value, next)
		default:
			next++
		}
	}
	t.Logf("%v, and %d times the queue was full", time.Since(begun), full)
	if next != storm || others == 0 {
		t.Errorf("%d of %d signals, and %d others", next, storm, others)
	}
}

// A program that takes no signals does not keep the init from its other work.
func TestInitWorksOnBesideAFullQueue(t *testing.T) {
	const room, sig = 20, 40
	r := rig.New(t)
	r.MinirunOnly("--init")
	c := r.Container(rig.Sh(`trap "" TERM; echo ready; (sleep 0.6 & ); sleep 0.3; (: &) ; kill -STOP $$; exit 9`), func(s *specs.Spec) {
		s.Process.User.UID = 54322
		s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_SIGPENDING", Hard: room, Soft: room})
	})
	call := r.Spawn([]string{"run", "-d", "--init", "--bundle", c.Bundle, c.ID})
	awaitReady(r, call, func() {})
	pid := c.Pid()
	if !rig.Eventually(func() bool { return strings.Contains(c.Proc(childOf(r, pid), "stat"), ") T ") }) {
		t.Fatal("the program has not stopped")
	}
	for n := 0; n < 2*room; n++ {
		sigqueue(pid, sig, n) // EAGAIN at last
	}
	if !rig.Eventually(func() bool { return pids(c) == 2 }) {
		t.Errorf("%d tasks: orphans are not reaped", pids(c))
	}
	unix.Kill(pid, unix.SIGCONT) // and the first of the storm kills it
	c.WaitStopped()
}

// childOf is the first child of a process.
func childOf(r *rig.Rig, pid int) (child int) {
	fmt.Sscan(r.Proc(pid, fmt.Sprintf("task/%d/children", pid)), &child)
	return child
}
