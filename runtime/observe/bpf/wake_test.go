package bpf

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/proc"
)

// The reader is woken by the first record, and then not before the ring is
// full up to its mark.
func TestTheReaderIsWokenOnceAndWhenTheRingIsFilling(t *testing.T) {
	needRoot(t)
	const ring, patience = 1 << 20, 60_000
	s, err := Attach(1, ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p, err := newPump(s, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.close() })
	c := idle(t, s)
	woken := func(timeout int) bool {
		fds := []unix.PollFd{{Fd: int32(p.wake), Events: unix.POLLIN}}
		err := proc.Poll(fds, timeout)
		if err = errors.Join(err, p.woken(fds[0].Revents)); err != nil {
			t.Fatal(err)
		}
		return fds[0].Revents != 0
	}
	send := func() {
		if err := c.Signal(syscall.SIGURG); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if !woken(patience) {
		t.Error("not woken by the first record")
	}
	for p.ring.AvailableBytes() < int(s.mark())-recordHead-observe.WireSize {
		send()
	}
	if woken(0) {
		t.Errorf("woken while %d bytes wait, of %d", p.ring.AvailableBytes(), ring)
	}
	send()
	if !woken(patience) {
		t.Errorf("not woken when %d bytes wait, of %d", p.ring.AvailableBytes(), ring)
	}
}

// idle watches a container that does nothing at all.
func idle(t *testing.T, s *Set) *os.Process {
	t.Helper()
	c := container(t, "/bin/sleep", "infinity")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	if err := s.Watch(uint32(namespace(t, c))); err != nil {
		t.Fatal(err)
	}
	return c.Process
}
