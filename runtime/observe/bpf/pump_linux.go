package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
	"minirun/runtime/observe/proc"
)

// A pump carries records from the ring to the pipe.
type pump struct {
	set  *Set
	ring *ringbuf.Reader
	wake int // epoll descriptor, ready once for each time that the kernel wakes the ring's reader
	out  *os.File
	rec  ringbuf.Record
	buf  []byte
	lost uint64 // as far as it is told
	last int64  // the time of the newest record
}

const (
	// gather is how long records are let come together, in milliseconds, unless
	// the ring is filling. The kernel wakes a reader for the first record that it
	// has not read, which costs whoever wrote it 10 µs, half of what a fork may be
	// slowed down; and who reads then takes from the machine what the container would have.
	gather = 100
	// full is when the buffer is written, in bytes.
	full = 1 << 16
	// lastWait bounds the wait for the Free of those who are reaped. It comes
	// when an RCU period is over: after some 10 ms, on a busy machine later.
	lastWait = 200 * time.Millisecond
)

func newPump(set *Set, out *os.File) (*pump, error) {
	ring, err := ringbuf.NewReader(set.ring)
	if err != nil {
		return nil, fmt.Errorf("map ring buffer: %w", err)
	}
	p := &pump{set: set, ring: ring, out: out, buf: make([]byte, 0, full+2*observe.WireSize+observe.WireTextMax)}
	if p.wake, err = wakeups(set.ring.FD()); err != nil {
		return nil, errors.Join(err, ring.Close())
	}
	return p, nil
}

// wakeups is an epoll descriptor that is ready when the kernel wakes the
// reader of a ring, not for as long as the ring holds something.
func wakeups(ring int) (fd int, err error) {
	if fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return -1, fmt.Errorf("watch ring buffer: %w", err)
	}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, ring, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}); err != nil {
		return -1, errors.Join(fmt.Errorf("watch ring buffer: %w", err), unix.Close(fd))
	}
	return fd, nil
}

func (p *pump) close() error { return errors.Join(p.ring.Close(), unix.Close(p.wake)) }

// run carries until in is at its end, and obeys what comes from there.
func (p *pump) run(in *os.File) error {
	orders := &orders{in: in, obey: p.obey}
	fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}, {Fd: int32(p.wake), Events: unix.POLLIN}}
	for {
		for _, wait := range [...]int{-1, gather} {
			err := proc.Poll(fds, wait)
			if err = errors.Join(err, p.woken(fds[1].Revents)); err != nil {
				return err
			}
			if fds[0].Revents != 0 || p.ring.AvailableBytes() >= int(p.set.mark()) {
				break // the wake-up at the mark may have come with the first, and both are taken as one
			}
		}
		if err := p.empty(); err != nil {
			return err
		}
		if fds[0].Revents != 0 {
			if more, err := orders.read(); err != nil || !more {
				return errors.Join(err, p.finish())
			}
		}
	}
}

// woken takes note that the kernel has woken the reader.
func (p *pump) woken(revents int16) error {
	if revents == 0 {
		return nil
	}
	_, err := unix.EpollWait(p.wake, make([]unix.EpollEvent, 1), 0)
	return err
}

// slack is how much older than its neighbours a record may be, in
// nanoseconds: they are reserved one after the other, and get their time after that.
const slack = 10_000_000

// empty carries what the ring holds, and tells what it did not.
func (p *pump) empty() error {
	p.ring.SetDeadline(time.Unix(1, 0)) // it has passed: only look
	for {
		begun, there := proc.Now(), p.ring.AvailableBytes()
		for there > 0 {
			if err := p.ring.ReadInto(&p.rec); err != nil {
				return fmt.Errorf("read ring buffer: %w", err)
			}
			there -= recordHead + (len(p.rec.RawSample)+7)&^7
			if err := p.take(p.rec.RawSample); err != nil {
				return fmt.Errorf("read ring buffer: %w", err)
			}
		}
		p.told(begun)
		if p.ring.AvailableBytes() == 0 {
			break
		}
	}
	lost, err := p.set.Lost()
	if err == nil && lost > p.lost {
		p.append(&observe.Event{Kind: observe.Lost, Origin: observe.BPF, Count: lost - p.lost})
		p.lost = lost
	}
	return errors.Join(err, p.flush())
}

// recordHead is the size of what precedes a record in the ring, which is
// padded to 8 bytes (BPF_RINGBUF_HDR_SZ).
const recordHead = 8

// told says that nothing follows that is older.
func (p *pump) told(at int64) {
	e := word(helper.Told, 0, "")
	e.Time = at
	p.buf = observe.AppendWire(p.buf, e)
}

// take copies a record without the room that its text did not need.
func (p *pump) take(b []byte) error {
	size := len(b)
	if size >= observe.WireSize {
		size = observe.WireSize + int(binary.LittleEndian.Uint32(b[observe.WireTextSize:]))
	}
	if size > len(b) {
		return fmt.Errorf("a record of %d bytes", len(b))
	}
	p.buf = append(p.buf, b[:size]...)
	if size >= observe.WireSize {
		p.last = max(p.last, int64(binary.LittleEndian.Uint64(b[observe.WireTime:])))
	}
	if len(p.buf) < full {
		return nil
	}
	p.told(p.last - slack)
	return p.flush()
}

// append adds a record of its own.
func (p *pump) append(e *observe.Event) {
	e.Time = proc.Now()
	p.buf = observe.AppendWire(p.buf, e)
}

func (p *pump) flush() error {
	_, err := p.out.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}

// finish waits for the Free of those who are reaped, and ends the watch. The
// Free that has not come by then is told from here, for the process is gone.
func (p *pump) finish() error {
	ring := []unix.PollFd{{Fd: int32(p.set.ring.FD()), Events: unix.POLLIN}}
	for until := time.Now().Add(lastWait); ; {
		if err := p.empty(); err != nil {
			return err
		}
		left := time.Until(until)
		if left <= 0 || len(p.set.gone()) == 0 {
			break
		}
		if err := proc.Poll(ring, int(left.Milliseconds())+1); err != nil {
			return err
		}
	}
	if err := errors.Join(p.set.Watch(0), p.empty()); err != nil {
		return err
	}
	for _, task := range p.set.gone() {
		p.append(&observe.Event{Kind: observe.Free, Origin: observe.BPF, Task: task})
	}
	return p.flush()
}
