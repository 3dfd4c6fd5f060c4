package bpf

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
)

// storm sends as many signals, which nobody heeds, as fast as two processes can.
const storm = `
import os, signal as s, sys
n = int(sys.argv[1]) // 2
child = os.fork()
send, me = os.kill, os.getpid()
for i in range(n): send(me, s.SIGURG)
if child == 0: os._exit(0)
os.waitpid(child, 0)
`

// Every signal is seen or counted as lost, to the last one.
func TestAStormIsSeenOrCounted(t *testing.T) {
	const sent = 400000
	s := open(t)
	var seen, orphans uint64
	var last int64
	c := container(t, "/usr/bin/python3", "-S", "-c", storm, strconv.Itoa(sent))
	begin(t, s, c)
	done := make(chan error, 1)
	go func() {
		buf := make([]observe.Event, 4096)
		for {
			n, err := s.Read(buf)
			for _, e := range buf[:n] {
				if e.Kind == observe.Generate && e.Signal == uint8(unix.SIGURG) {
					seen++
					last = max(last, e.Time)
				}
				if e.Kind == observe.Generate && e.Result != observe.Ignored && e.Signal == uint8(unix.SIGURG) {
					orphans++
				}
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	<-done
	t.Logf("%d seen, %d lost", seen, s.Lost())
	if lost := s.Lost(); seen > sent || seen+lost < sent || seen+lost > sent+100 || lost == 0 && seen != sent {
		t.Errorf("%d signals: %d seen, %d lost", sent, seen, lost) // a few of those lost may be other events
	}
	if orphans > 0 {
		t.Errorf("%d of them not ignored", orphans)
	}
}

// A reader that does not read makes the ring overflow; what is told in the end is exact.
func TestWhatIsLostIsCountedExactly(t *testing.T) {
	const sent = 20000
	s, out := raw(t, "--ring", "65536", "--expect", strconv.Itoa(os.Getpid()))
	c := container(t, "/usr/bin/python3", "-S", "-c", storm, strconv.Itoa(sent))
	if b, err := c.Output(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	var seen, lost, others uint64
	out(func(e *observe.Event) {
		switch {
		case e.Kind == observe.Generate && e.Signal == uint8(unix.SIGURG):
			seen++
		case e.Kind == observe.Lost:
			lost += e.Count
		case e.Kind != observe.Mark:
			others++
		}
	})
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d seen, %d lost, %d others", seen, lost, others)
	// The rest are 2 execs, 2 forks at most, 2 exits, 2 SIGCHLD with their deliveries, 2 frees.
	if lost == 0 || seen+lost < sent || seen+lost+others > sent+20 {
		t.Errorf("%d signals: %d seen, %d lost, %d others", sent, seen, lost, others)
	}
}

// raw starts minirun-observe itself, and reads its pipe only when out is called.
func raw(t *testing.T, args ...string) (c *exec.Cmd, out func(func(*observe.Event))) {
	t.Helper()
	needRoot(t)
	c = exec.Command(os.Args[0], append([]string{"--level", "1"}, args...)...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); pipe.Close(); c.Wait() })
	var buf []byte
	next := func() (e observe.Event) {
		for {
			e, size, err := observe.DecodeWire(buf)
			if err != nil {
				t.Fatal(err)
			}
			if buf = buf[size:]; size > 0 {
				return e
			}
			b := make([]byte, 1<<16)
			n, err := pipe.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			buf = append(buf, b[:n]...)
		}
	}
	if e := next(); e.State != helper.Attached {
		t.Fatalf("%s", e.Text)
	}
	return c, func(do func(*observe.Event)) {
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		for e := next(); e.State != helper.Ended; e = next() {
			do(&e)
		}
	}
}

// What minirun-observe takes while it reads a storm is what it ever takes.
func TestResidentMemory(t *testing.T) {
	c, out := raw(t, "--expect", strconv.Itoa(os.Getpid()))
	run := container(t, "/usr/bin/python3", "-S", "-c", storm, "3000")
	if b, err := run.Output(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak %d kB", kB)
	if kB > 25000 {
		t.Errorf("peak %d kB", kB)
	}
	out(func(*observe.Event) {})
}
