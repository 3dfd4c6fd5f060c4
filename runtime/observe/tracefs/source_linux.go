package tracefs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/proc"
)

// A Source reads the instance. It is an observe.Source.
type Source struct {
	instance  *instance
	layout    layout
	bound     map[uint16]*binding
	cpus      []*cpu
	bell      int // an eventfd: Stop or Nudge was called
	stopped   atomic.Bool
	lost      atomic.Uint64
	tracker   *tracker
	namespace proc.Namespace
	page      []byte
	batch     []raw // read, and not yet given to the tracker
	over      bool  // all is read after Stop
	told      int64
	behind    bool // there was more to read
}

// A cpu is the ring buffer of one.
type cpu struct {
	name    string
	number  uint16
	fd      int
	overrun uint64 // as far as it is reported
	last    int64  // the time of the last event that was read
}

// Open makes an instance with all its events switched on, but not yet the
// instance itself. It is unavailable to who is not root, in a PID namespace that
// is not the first, and where no tracefs is mounted. A killed process leaves its instance behind, until the next Open.
func Open() (observe.Source, error) {
	s, err := open()
	if err != nil {
		return nil, &observe.Unavailable{Origin: observe.Tracefs, Err: err}
	}
	return s, nil
}

func open() (s *Source, err error) {
	if err := proc.InFirst(); err != nil {
		return nil, err
	}
	s = &Source{bell: -1}
	if s.instance, err = newInstance(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{s.openBell, s.openCPUs, s.setUp} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Source) openBell() (err error) {
	s.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return err
}

func (s *Source) openCPUs() error {
	entries, err := os.ReadDir(filepath.Join(s.instance.dir, "per_cpu"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		n, err := strconv.ParseUint(strings.TrimPrefix(e.Name(), "cpu"), 10, 16)
		if err != nil {
			continue
		}
		path := filepath.Join(s.instance.dir, "per_cpu", e.Name(), "trace_pipe_raw")
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		s.cpus = append(s.cpus, &cpu{name: e.Name(), number: uint16(n), fd: fd})
	}
	return nil
}

func (s *Source) setUp() error {
	text, err := os.ReadFile(filepath.Join(s.instance.dir, "events/header_page"))
	if errors.Is(err, os.ErrNotExist) { // older kernels have it at the top alone
		text, err = os.ReadFile(filepath.Join(s.instance.tracefs, "events/header_page"))
	}
	if err != nil {
		return err
	}
	if s.layout, err = parseLayout(text); err != nil {
		return err
	}
	s.page = make([]byte, s.layout.size())
	if err := s.instance.setUp(len(s.cpus)); err != nil {
		return err
	}
	s.bound, err = s.instance.enable()
	return err
}

// Origin is Tracefs.
func (s *Source) Origin() observe.Origin { return observe.Tracefs }

// Attach switches the instance on, and then looks who is there: who is made
// in between is in both, and taken once.
func (s *Source) Attach(c observe.Container) error {
	s.namespace = proc.Of(c)
	s.tracker = newTracker(s.namespace.Look, c.Cgroups)
	for _, b := range s.bound {
		s.tracker.renames = s.tracker.renames || b.point == rename
		s.tracker.groupDead = s.tracker.groupDead || b.point == exit && b.group.has()
	}
	if err := s.instance.write("tracing_on", "1"); err != nil {
		return err
	}
	s.seed()
	return nil
}

func (s *Source) seed() {
	for _, task := range s.namespace.Tasks() {
		s.tracker.seed(task)
	}
}

// Read waits in poll(2) for the buffers of the CPUs.
func (s *Source) Read(dst []observe.Event) (int, error) {
	t := s.tracker
	if len(t.out) == 0 {
		if s.over {
			return 0, io.EOF
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	n := copy(dst, t.out)
	if t.out = t.out[n:]; len(t.out) == 0 {
		t.out = nil
	}
	return n, nil
}

// Told is how far the tracker has come, and what it holds back. What is in out
// is not read yet.
func (s *Source) Told() int64 {
	if len(s.tracker.out) > 0 {
		return 0
	}
	told := s.told
	for i := range s.tracker.held {
		told = min(told, s.tracker.held[i].event.Time-1)
	}
	return told
}

// Nudge makes it read the buffers.
func (s *Source) Nudge() error { return s.ring() }

func (s *Source) ring() error {
	_, err := unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if err == unix.EAGAIN { // it rings already
		return nil
	}
	return err
}

// more reads what there is. What one CPU wrote after the other was read waits
// for the next round, so that the tracker sees all in order.
func (s *Source) more() error {
	if len(s.batch) == 0 && !s.behind && !s.stopped.Load() {
		if err := s.wait(); err != nil {
			return err
		}
	}
	stopped := s.stopped.Load()
	until, all, err := s.drain()
	if err != nil {
		return err
	}
	last := stopped && all
	slices.SortStableFunc(s.batch, func(a, b raw) int { return cmp.Compare(a.at, b.at) })
	n := 0
	for n < len(s.batch) && (last || s.batch[n].at <= until) {
		s.tracker.feed(&s.batch[n])
		n++
	}
	s.batch = append(s.batch[:0], s.batch[n:]...)
	s.tracker.settle(last)
	s.told = until
	s.over = last
	return nil
}

// gather is how long events are let come together, in milliseconds: to wake a
// reader costs whoever writes the event some 10 µs.
const gather = 20

// wait returns when there is something to read, and a little later, or at once
// when the bell rings.
func (s *Source) wait() error {
	fds := []unix.PollFd{{Fd: int32(s.bell), Events: unix.POLLIN}}
	for _, c := range s.cpus {
		fds = append(fds, unix.PollFd{Fd: int32(c.fd), Events: unix.POLLIN})
	}
	err := proc.Poll(fds, -1)
	if err == nil && fds[0].Revents == 0 {
		err = proc.Poll(fds[:1], gather)
	}
	unix.Read(s.bell, make([]byte, 8)) // EAGAIN: it was not rung
	return err
}

// drain reads every buffer, if it can to its end, and returns the time before
// which nothing is missing.
func (s *Source) drain() (until int64, all bool, err error) {
	until, all = proc.Now(), true
	for _, c := range s.cpus {
		if s.behind && c.last > s.told { // the others first: what is read of it cannot be told yet
			until, all = min(until, c.last), false
			continue
		}
		behind, err := s.drainOne(c)
		if err != nil {
			return 0, false, fmt.Errorf("read trace of %s: %w", c.name, err)
		}
		if behind != 0 {
			until, all = min(until, behind), false
		}
	}
	s.behind = !all
	return until, all, nil
}

// pagesAtOnce bounds what is read of one CPU before the others have their turn,
// and with it what is in memory at a time.
const pagesAtOnce = 32

// drainOne returns the time of the last event if it has not come to the end.
func (s *Source) drainOne(c *cpu) (behind int64, err error) {
	for pages := 0; ; pages++ {
		if pages >= pagesAtOnce && behind != 0 {
			return behind, nil
		}
		n, err := unix.Read(c.fd, s.page)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN || err == nil && n == 0:
			return 0, nil
		case err != nil:
			return 0, err
		}
		if behind, err = s.decode(c, s.page[:n]); err != nil {
			return 0, err
		}
		c.last = max(c.last, behind)
	}
}

func (s *Source) decode(c *cpu, page []byte) (last int64, err error) {
	first := int64(s.layout.timestamp.number(page))
	lost, err := s.layout.page(page, func(at int64, data []byte) {
		last = at
		id := uint16(field{size: 2}.number(data)) // common_type, which tells whose format it is
		if b := s.bound[id]; b != nil {
			s.batch = append(s.batch, b.read(at, c.number, data))
		}
	})
	if err == nil && lost > 0 {
		err = s.miss(c, first, lost)
	}
	return last, err
}

// miss reports lost events. Who came in meanwhile is looked for in /proc.
func (s *Source) miss(c *cpu, at int64, lost uint64) error {
	if lost == unknownLoss {
		all, err := s.instance.overrun(c.name)
		if err != nil {
			return err
		}
		lost = max(all, c.overrun+1) - c.overrun
	}
	c.overrun += lost
	s.lost.Add(lost)
	s.tracker.out = append(s.tracker.out, observe.Event{
		Time: at, Kind: observe.Lost, Origin: observe.Tracefs, Count: lost, CPU: c.number, Has: observe.HasCPU,
	})
	s.seed()
	return nil
}

// Stop switches the instance off; what it holds is still read.
func (s *Source) Stop() error {
	err := s.instance.write("tracing_on", "0")
	s.stopped.Store(true)
	return errors.Join(err, s.ring())
}

// Lost is how many events were overwritten before they could be read.
func (s *Source) Lost() uint64 { return s.lost.Load() }

// Close removes the instance.
func (s *Source) Close() error {
	for _, c := range s.cpus {
		unix.Close(c.fd)
	}
	s.cpus = nil
	if s.bell >= 0 {
		unix.Close(s.bell)
		s.bell = -1
	}
	return s.instance.remove()
}
