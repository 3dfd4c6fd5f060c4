package bpf

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// The reader is woken by the first record, and then not before the ring is
// full up to its mark.
func TestTheReaderIsWokenOnceAndWhenTheRingIsFilling(t *testing.T) {
	needRoot(t)
	const ring, mark, patience = 1 << 20, 1 << 18, 60_000
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
		n, err := unix.EpollWait(p.wake, make([]unix.EpollEvent, 1), timeout)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
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
	for p.ring.AvailableBytes() < mark-recordHead-observe.WireSize {
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
