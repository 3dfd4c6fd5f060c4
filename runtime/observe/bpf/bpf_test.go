package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"minirun/runtime/observe"
)

// line is an event by its pids inside, for comparison.
func line(e *observe.Event) string {
	who := func(t *observe.Task) string {
		switch {
		case t.Inside == 0:
			return "out"
		case t.Depth > 0:
			return fmt.Sprintf("%d(%d)", t.Inside, t.Own)
		}
		return fmt.Sprint(t.Inside)
	}
	to := who(&e.Task) + " → " + who(&e.Target)
	switch e.Kind {
	case observe.Fork:
		return "fork " + to
	case observe.Exec:
		return "exec " + who(&e.Task) + " " + e.Text
	case observe.Exit:
		return fmt.Sprintf("exit %s status %#x", to, e.Status)
	case observe.Generate:
		return fmt.Sprintf("send %s sig %d code %d res %d", to, e.Signal, e.Code, e.Result)
	case observe.Deliver:
		return fmt.Sprintf("take %s sig %d code %d %s", who(&e.Task), e.Signal, e.Code, disposition(e.Handler))
	}
	return fmt.Sprintf("%v %s %s", e.Kind, who(&e.Task), e.Text)
}

func disposition(handler uint64) string {
	return map[bool]string{true: fmt.Sprint(handler), false: "handler"}[handler < 2]
}

// has checks that these lines come in this order, with others between them.
func has(t *testing.T, events []observe.Event, want ...string) {
	t.Helper()
	var all []string
	for i := range events {
		all = append(all, line(&events[i]))
	}
	rest := all
	for _, w := range want {
		i := slices.Index(rest, w)
		if i < 0 {
			t.Fatalf("no %q in its place of\n\t%s", w, strings.Join(all, "\n\t"))
		}
		rest = rest[i+1:]
	}
}

func TestTheWholeLifeFromTheClone(t *testing.T) {
	init, events := observed(t, "/bin/sh", "-c", "/bin/true & wait; exit 7")
	has(t, events, "fork out → 1", "exec 1 /bin/sh", "fork 1 → 2", "exec 2 /bin/true", "exit 2 → 1 status 0x0",
		"send 2 → 1 sig 17 code 1 res 0", "take 1 sig 17 code 1 handler", "exit 1 → out status 0x700", "send 1 → out sig 17 code 1 res 0")
	has(t, events, "exit 2 → 1 status 0x0", "free 2 ")
	has(t, events, "exit 1 → out status 0x700", "free 1 ")
	if first := events[0]; first.Target.Tgid != init || first.Target.Own != 1 || first.Task.Tgid != int32(os.Getpid()) || first.Target.Parent != first.Task.Tgid {
		t.Errorf("the first event is %+v: want the clone of %d by %d", first, init, os.Getpid())
	}
}

func TestWhatBecomesOfASignal(t *testing.T) {
	_, events := python(t, `
import os, signal as s
me = os.getpid()
os.kill(me, s.SIGTERM)                      # no handler: PID 1 ignores it
s.signal(s.SIGUSR1, lambda *_: None)
os.kill(me, s.SIGUSR1)
s.signal(s.SIGHUP, s.SIG_IGN)
os.kill(me, s.SIGHUP)
s.pthread_sigmask(s.SIG_BLOCK, [s.SIGUSR2])
os.kill(me, s.SIGUSR2)
s.pthread_sigmask(s.SIG_UNBLOCK, [s.SIGUSR2])  # dropped on delivery
if os.fork() == 0:
    os.kill(me, s.SIGKILL)
    os.kill(os.getpid(), s.SIGABRT)
os.wait()
s.setitimer(s.ITIMER_REAL, 0.001)
s.sigtimedwait([s.SIGWINCH], 0.05)
`)
	has(t, events, "send 1 → 1 sig 15 code 0 res 1", "send 1 → 1 sig 10 code 0 res 0", "take 1 sig 10 code 0 handler",
		"send 1 → 1 sig 1 code 0 res 1", "send 1 → 1 sig 12 code 0 res 0", "take 1 sig 12 code 0 0",
		"send 2 → 1 sig 9 code 0 res 1", "send 2 → 2 sig 6 code 0 res 0", "take 2 sig 6 code 0 0")
	for _, e := range events {
		if e.Kind != observe.Generate || e.Target.Inside != 1 || e.Task.Inside != 1 {
			continue
		}
		if !e.Is(observe.FlagInit|observe.FlagGroup) || e.Is(observe.FlagTraced) || e.Is(observe.FlagDying) {
			t.Errorf("flags %#x of %s", e.Flags, line(&e))
		}
		if want := map[uint8]string{15: "0", 10: "handler", 1: "1", 12: "0"}[e.Signal]; want != "" && want != disposition(e.Handler) {
			t.Errorf("disposition %s of %s", disposition(e.Handler), line(&e))
		}
		if blocked := e.Signal == uint8(syscall.SIGUSR2); blocked != e.Blocked.Has(int(syscall.SIGUSR2)) {
			t.Errorf("mask %#x of %s", e.Blocked, line(&e))
		}
	}
	alarm := slices.IndexFunc(events, func(e observe.Event) bool { return e.Kind == observe.Generate && e.Signal == uint8(syscall.SIGALRM) })
	if alarm < 0 || events[alarm].Code != siKernel || events[alarm].Result != observe.Ignored || events[alarm].Target.Inside != 1 {
		t.Errorf("no alarm by the kernel (SI_KERNEL)")
	}
}

// sigtimedwait(2) takes what it waits for out of the mask, and the kernel keeps the mask aside.
func TestTheMaskThatSigtimedwaitMovesAside(t *testing.T) {
	_, events := python(t, `
import os, signal as s, time
s.pthread_sigmask(s.SIG_BLOCK, [s.SIGTERM])
call = '/proc/%s/wchan' % os.readlink('/proc/self')  # the host's procfs
if os.fork() == 0:
    while 'sigtimedwait' not in open(call).read(): time.sleep(0.001)
    os.kill(1, s.SIGTERM)
    os._exit(0)
s.sigtimedwait([s.SIGTERM], 20)
os.wait()
`)
	i := slices.IndexFunc(events, func(e observe.Event) bool { return e.Kind == observe.Generate && e.Signal == 15 })
	if i < 0 || !events[i].RealBlocked.Has(15) || events[i].Blocked.Has(15) || events[i].Result != observe.Queued {
		t.Fatalf("%d: %+v", i, events[max(i, 0)])
	}
}

func TestANamespaceWithinAndAStrangerFromOutside(t *testing.T) {
	s := open(t)
	c := container(t, "/usr/bin/unshare", "--fork", "--pid", "/bin/sh", "-c", "echo ready; read line; kill -TERM $$; exit 4")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, c)
	events := collect(t, s)
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("/usr/bin/nsenter", fmt.Sprintf("--pid=/proc/%d/ns/pid", c.Process.Pid), "/bin/sh", "-c", "exit 5").CombinedOutput()
	if code := err.(*exec.ExitError).ExitCode(); code != 5 {
		t.Fatalf("%v: %s", err, text)
	}
	fmt.Fprintln(in)
	if err := c.Wait(); err == nil {
		t.Fatal("exit 4 is no success")
	}
	all := events()
	has(t, all, "fork out → 1", "exec 1 /usr/bin/unshare", "fork 1 → 2(1)", "exec 2(1) /bin/sh", "send 2(1) → 2(1) sig 15 code 0 res 1",
		"exit 2(1) → 1 status 0x400", "exit 1 → out status 0x400")
	i := slices.IndexFunc(all, func(e observe.Event) bool { return e.Kind == observe.Exit && e.Status == 0x500 })
	if i < 0 || all[i].Task.Inside < 2 || all[i].Target.Inside != 0 || all[i].Task.Depth != 0 {
		t.Fatalf("the exit of the stranger: %d", i)
	}
	has(t, all, fmt.Sprintf("fork out → %d", all[i].Task.Inside), fmt.Sprintf("exec %d /bin/sh", all[i].Task.Inside))
}

func TestTheEndOfTheNamespaceKillsTheRest(t *testing.T) {
	s := open(t)
	c := container(t, "/bin/sh", "-c", "sleep 1000 & echo ready; wait")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, c)
	events := collect(t, s)
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	has(t, events(), "send out → 1 sig 9 code 0 res 0", "take 1 sig 9 code 0 0", "exit 1 → out status 0x9",
		"send 1 → 2 sig 9 code 128 res 0", "exit 2 → 1 status 0x9", "send 1 → out sig 17 code 2 res 0")
}

func TestThreadsAreToldApart(t *testing.T) {
	_, events := python(t, `
import threading, os
x = threading.Thread(target=lambda: None)
x.start()
x.join()
os._exit(3)
`)
	var dead []bool
	for _, e := range events {
		if e.Kind == observe.Fork && e.Task.Inside == 1 && !e.Thread() {
			t.Errorf("a thread is told as a process: %+v", e)
		}
		if e.Kind == observe.Exit {
			dead = append(dead, e.Is(observe.FlagGroupDead))
		}
	}
	if !slices.Equal(dead, []bool{false, true}) {
		t.Errorf("ends of the group: %v", dead)
	}
}

// A kernel before 6.6 declares the numbers of a struct pid as an array of one.
// What is written for it does as well on any other.
func TestTheProgramsForAnOlderKernel(t *testing.T) {
	needRoot(t)
	k, err := thisKernel()
	if err != nil {
		t.Fatal(err)
	}
	k.pid.single = true
	s, err := k.load(1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Expect(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	c := container(t, "/usr/bin/unshare", "--fork", "--pid", "/bin/sh", "-c", "kill -TERM $$; exit 4")
	if err := c.Run(); c.ProcessState.ExitCode() != 4 {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := newPump(s, w)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := errors.Join(p.finish(), w.Close()); err != nil { // a pipe has room for some hundred events
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var events []observe.Event
	for len(b) > 0 {
		e, size, err := observe.DecodeWire(b)
		if err != nil || size == 0 {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		events, b = append(events, e), b[size:]
	}
	has(t, events, "fork out → 1", "exec 1 /usr/bin/unshare", "fork 1 → 2(1)", "exec 2(1) /bin/sh",
		"send 2(1) → 2(1) sig 15 code 0 res 1", "exit 2(1) → 1 status 0x400", "exit 1 → out status 0x400")
}

// The inode of a namespace that has ended goes to the next one.
func TestAnotherNamespaceWithTheSameInodeIsNotTheContainer(t *testing.T) {
	s := open(t)
	c := container(t, "/bin/true")
	begin(t, s, c)
	all := collect(t, s)
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := container(t, "/bin/true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range all() {
		if e.Kind == observe.Fork && int(e.Target.Tgid) != c.Process.Pid {
			t.Errorf("%d is none of ours", e.Target.Tgid)
		}
	}
}
