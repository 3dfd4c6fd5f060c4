package tests

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"minirun/tests/rig"
)

// onPty starts a container with a terminal whose master the test has.
func (i initProgram) onPty(r *rig.Rig, script string) (*rig.Container, *rig.Terminal, *os.File) {
	r.Helper()
	c := i.container(r, terminal, rig.Sh(script))
	sock, wait := r.Receive("console.sock")
	r.OK(append(append([]string{"run", "-d", "--console-socket", sock, "--bundle", c.Bundle}, i.flags...), c.ID)...)
	master := nonblocking(r.TB.(*testing.T), wait().File)
	return c, r.Attach(master), master
}

const onKeys = `trap 'echo INT' INT; trap 'echo QUIT' QUIT; trap 'echo WINCH $(stty size)' WINCH; trap 'echo HUP >/tmp/hup; exit 4' HUP; ` +
	`trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done`

// The keys of a terminal and the size of its window reach the program once,
// straight from the kernel.
func TestInitKeysOfTheTerminal(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		c, term, _ := i.onPty(r, onKeys)
		term.Expect(r, "up\r\n")
		term.Type(r, "\x03")
		term.Expect(r, "INT\r\n")
		term.Type(r, "\x1c")
		term.Expect(r, "QUIT\r\n")
		term.Resize(r, 33, 77)
		term.Expect(r, "WINCH 33 77\r\n")
		for _, word := range []string{"INT\r\n", "QUIT\r\n", "WINCH 33"} {
			if n := strings.Count(term.Text(), word); n != 1 {
				r.Errorf("%q came %d times: %q", word, n, term.Text())
			}
		}
		c.Kill("TERM")
		c.WaitStopped()
	})
}

// ^Z stops the program, and SIGCONT to the container continues it, with the
// rest of its group.
func TestInitStopKeyOfTheTerminal(t *testing.T) {
	want := map[string][2]int{ // are stopped, and after CONT
		"minirun":   {2, 0},
		"tini":      {2, 1}, // it goes to the program alone
		"dumb-init": {0, 0}, // its group is orphaned
		"catatonit": {0, 0}, // it leaves TSTP blocked
	}
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		c, term, _ := i.onPty(r, `echo up; sleep 1000 & wait`)
		term.Expect(r, "up\r\n")
		if !rig.Eventually(func() bool { return len(sleepers(r, c)) == 1 }) {
			r.Fatal("no sleep")
		}
		group := []int{childOf(r, c.Pid()), sleepers(r, c)[0]}
		term.Type(r, "\x1a")
		before := stopped(group, want[i.name][0])
		c.Kill("CONT")
		after := stopped(group, want[i.name][1])
		if got := [2]int{before, after}; got != want[i.name] {
			r.Errorf("%d, not %d", got, want[i.name])
		}
		c.Kill("KILL")
		c.WaitStopped()
	})
}

// stopped is how many of the processes are stopped, as soon as it is as many
// as wanted, or half a second later when it was from the beginning.
func stopped(pids []int, want int) int {
	count := func() (n int) {
		for _, pid := range pids {
			if rig.Stat(pid).State == 'T' {
				n++
			}
		}
		return n
	}
	if count() == want {
		time.Sleep(500 * time.Millisecond)
	}
	rig.Eventually(func() bool { return count() == want })
	return count()
}

// TSTP to the container stops the program's whole group, as ^Z would.
func TestInitStopSignal(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--init")
	c := r.Container(rig.Sh(`sleep 1000 & exec sleep 1001`))
	r.OK("run", "-d", "--init", "--bundle", c.Bundle, c.ID)
	if !rig.Eventually(func() bool { return len(sleepers(r, c)) == 2 }) {
		t.Fatal("no sleepers")
	}
	for _, s := range []struct {
		signal string
		want   byte
	}{{"TSTP", 'T'}, {"CONT", 'S'}} {
		c.Kill(s.signal)
		for _, pid := range sleepers(r, c) {
			if !rig.Eventually(func() bool { return rig.Stat(pid).State == s.want }) {
				t.Errorf("%s: process %d is %c", s.signal, pid, rig.Stat(pid).State)
			}
		}
	}
}

// sleepers are the container's processes called sleep.
func sleepers(r *rig.Rig, c *rig.Container) (list []int) {
	for _, p := range strings.Fields(r.Read(c.Cgroup("pids") + "/cgroup.procs")) {
		if pid, _ := strconv.Atoi(p); r.Proc(pid, "comm") == "sleep\n" {
			list = append(list, pid)
		}
	}
	return list
}

// The terminal hangs up: the program hears of it and ends in its own way.
func TestInitHangUp(t *testing.T) {
	onEachInit(t, func(r *rig.Rig, i initProgram) {
		c, term, master := i.onPty(r, onKeys)
		term.Expect(r, "up\r\n")
		master.Close()
		c.WaitStopped()
		if got := r.Read(c.Rootfs() + "/tmp/hup"); got != "HUP\n" {
			r.Errorf("%q", got)
		}
	})
}

// A shell has job control: it can put groups into the foreground itself.
func TestInitJobControl(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("--init")
	c, term, _ := inits[0].onPty(r, `exec sh -i`)
	term.Type(r, "sleep 1000\n")
	if !rig.Eventually(func() bool { return len(sleepers(r, c)) == 1 }) {
		t.Fatal("no sleep")
	}
	job := sleepers(r, c)[0]
	term.Type(r, "\x1a")
	term.Expect(r, "Stopped")
	term.Type(r, "fg\n")
	if !rig.Eventually(func() bool { return rig.Stat(job).State == 'S' }) {
		t.Fatal("not in the foreground")
	}
	term.Type(r, "\x03")
	if !rig.Gone(job) {
		t.Fatal("not interrupted")
	}
	term.Type(r, "echo back $((40+2))\n")
	term.Expect(r, "back 42")
	term.Type(r, "exit 6\n")
	c.WaitStopped()
}
