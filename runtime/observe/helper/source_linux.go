package helper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// Options of minirun-observe.
type Options struct {
	Path   string // of the executable; empty: beside minirun's own, then in PATH
	Level  int    // how far the container's PID namespace is below the observer's; 0 is 1
	Expect int    // process whose next container is watched from its clone on; 0: none
}

// A Source is minirun-observe at work. It is an observe.Source.
type Source struct {
	process   *os.Process
	orders    *os.File // closed: stop
	records   *os.File
	namespace *os.File // the container's
	level     int
	buf       []byte // read and not yet decoded: buf[from:]
	from      int
	early     []observe.Event // came while an answer was waited for
	ended     bool
	stopped   atomic.Bool
	lost      atomic.Uint64
	told      int64
	asked     atomic.Bool // Nudge has been called, and not been answered
}

// pipeSize is room for the events of some milliseconds of a storm, in bytes:
// what an unprivileged user may have (pipe(7)).
const pipeSize = 1 << 20

// Open starts minirun-observe and returns when its programs are attached,
// which takes some tens of milliseconds: it may be called while the container
// is being made. It is unavailable where minirun-observe is not installed, or
// cannot load its programs, and then the error has its words.
func Open(o Options) (observe.Source, error) {
	s, err := open(o)
	if err != nil {
		return nil, &observe.Unavailable{Origin: observe.BPF, Err: err}
	}
	return s, nil
}

func open(o Options) (*Source, error) {
	path, err := find(o.Path)
	if err != nil {
		return nil, err
	}
	s := &Source{level: max(o.Level, 1), buf: make([]byte, 0, pipeSize/4)}
	if err := s.start(path, o.Expect); err != nil {
		return nil, err
	}
	if err := s.await(Attached); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start starts the executable in a process group of its own, so that an
// interrupt from the terminal leaves it the time to tell the rest.
func (s *Source) start(path string, expect int) error {
	args := []string{path, "--level", strconv.Itoa(s.level), "--expect", strconv.Itoa(expect)}
	in, orders, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer in.Close()
	records, out, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make pipe: %w", err), orders.Close())
	}
	defer out.Close()
	if _, err := unix.FcntlInt(out.Fd(), unix.F_SETPIPE_SZ, pipeSize); err != nil && err != unix.EPERM {
		return errors.Join(fmt.Errorf("make pipe larger: %w", err), orders.Close(), records.Close())
	}
	s.orders, s.records = orders, records
	s.process, err = os.StartProcess(path, args, &os.ProcAttr{
		Files: []*os.File{in, out, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", Program, err), orders.Close(), records.Close())
	}
	return nil
}

// Origin is BPF.
func (s *Source) Origin() observe.Origin { return observe.BPF }

// Attach sets the namespace. One that was expected has to be set as well: the
// kernel gives the inode of a namespace that has ended to the next one, and
// from Attach on the Source keeps the namespace.
func (s *Source) Attach(c observe.Container) error {
	if c.Level != s.level {
		return fmt.Errorf("attach: container at level %d, programs for level %d", c.Level, s.level)
	}
	if err := s.keep(c); err != nil && !(c.Pidfd > 0 && errors.Is(err, unix.EACCES)) { // whose process keeps it
		return fmt.Errorf("attach: %w", err)
	}
	if _, err := fmt.Fprintf(s.orders, "%s%d\n", Watch, c.PidNS); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return s.await(Watching)
}

// keep opens the PID namespace of a container's init, which may be a zombie.
func (s *Source) keep(c observe.Container) (err error) {
	var stat unix.Stat_t
	if s.namespace, err = os.Open(fmt.Sprintf("/proc/%d/ns/pid", c.Pid)); err != nil {
		return err
	}
	if err := unix.Fstat(int(s.namespace.Fd()), &stat); err != nil {
		return fmt.Errorf("stat %s: %w", s.namespace.Name(), err)
	}
	if stat.Ino != c.PidNS {
		return fmt.Errorf("%s is %d, not %d: %w", s.namespace.Name(), stat.Ino, c.PidNS, unix.ESRCH)
	}
	return nil
}

// await reads up to a Mark of minirun-observe's own; what comes before it is kept.
func (s *Source) await(state byte) error {
	for {
		e, err := s.next()
		switch {
		case err == io.EOF:
			return fmt.Errorf("%s ended at once", Program)
		case err != nil:
			return err
		case isWord(&e, state):
			return nil
		case isWord(&e, Told):
			continue
		}
		s.early = append(s.early, e)
	}
}

// isWord reports whether a record is minirun-observe's own, in that state.
func isWord(e *observe.Event, state byte) bool { return e.Kind == observe.Mark && e.State == state }

// Read takes what has come, and waits only when that is nothing.
func (s *Source) Read(dst []observe.Event) (n int, err error) {
	n = copy(dst, s.early)
	s.early = s.early[n:]
	for n < len(dst) && !s.ended {
		e, ok, err := s.take()
		switch {
		case err == io.EOF: // it is told by the next call
			return n, nil
		case err != nil:
			return n, err
		case ok && isWord(&e, Told):
			s.told = e.Time
			if s.asked.Store(false); n == 0 {
				return 0, nil
			}
		case ok:
			dst[n] = e
			n++
		case n > 0:
			return n, nil
		default:
			if err := s.fill(); err != nil {
				return 0, err
			}
		}
	}
	if n == 0 && s.ended {
		return 0, io.EOF
	}
	return n, nil
}

// Told is how far minirun-observe has come.
func (s *Source) Told() int64 { return s.told }

// Nudge asks it.
func (s *Source) Nudge() error {
	if s.stopped.Load() || s.asked.Swap(true) {
		return nil
	}
	_, err := s.orders.WriteString(Sync + "\n")
	return err
}

// next waits for the next record; io.EOF comes after the last.
func (s *Source) next() (observe.Event, error) {
	for !s.ended {
		e, ok, err := s.take()
		if ok || err != nil {
			return e, err
		}
		if err := s.fill(); err != nil {
			return e, err
		}
	}
	return observe.Event{}, io.EOF
}

// take decodes the next record, if the whole of it has come.
func (s *Source) take() (e observe.Event, ok bool, err error) {
	e, size, err := observe.DecodeWire(s.buf[s.from:])
	s.from += size
	switch {
	case err != nil || size == 0:
		return e, false, err
	case e.Kind == observe.Lost:
		s.lost.Add(e.Count)
	case e.Kind == observe.Mark:
		err = s.word(e)
	}
	return e, err == nil, err
}

// fill reads more. The end of the pipe without a word is not the end of the events.
func (s *Source) fill() error {
	s.buf = s.buf[:copy(s.buf, s.buf[s.from:])]
	s.from = 0
	n, err := s.records.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if err == io.EOF {
		return fmt.Errorf("%s was killed: %w", Program, io.ErrUnexpectedEOF)
	}
	return err
}

// word heeds what minirun-observe says of itself.
func (s *Source) word(e observe.Event) error {
	switch e.State {
	case Ended:
		s.ended = true
		return io.EOF
	case Failed:
		s.ended = true
		return failure{e.Text, syscall.Errno(e.Status)}
	}
	return nil
}

// A failure is an error of minirun-observe, in its words and with its errno.
type failure struct {
	text  string
	errno syscall.Errno
}

func (f failure) Error() string { return f.text }

// Unwrap is the errno, if there is one.
func (f failure) Unwrap() error {
	if f.errno == 0 {
		return nil
	}
	return f.errno
}

// Lost is how many records found no room in the ring buffer.
func (s *Source) Lost() uint64 { return s.lost.Load() }

// Stop ends the events.
func (s *Source) Stop() error {
	if s.stopped.Swap(true) {
		return nil
	}
	return s.orders.Close()
}

// Close stops, and waits for minirun-observe to end. It has nothing left to
// write, or nobody who reads it.
func (s *Source) Close() error {
	err := errors.Join(s.Stop(), s.records.Close())
	if s.namespace != nil {
		err = errors.Join(err, s.namespace.Close())
	}
	if _, waited := s.process.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("wait for %s: %w", Program, waited))
	}
	return err
}
