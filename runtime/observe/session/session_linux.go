package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/proc"
)

// A Session is an observer's: a source, and whoever has something to say.
type Session struct {
	source  observe.Source
	skipped []string
	about   observe.About
	target  observe.Container
	bell    int // an eventfd: Interrupt was called
	channel int // to the verb that has started this, or -1
	listen  int // where other verbs connect, or -1
	dirfd   int // of the socket's directory, or -1
	name    string
	talkers []int
	heard   []observe.Event // before there is a timeline
	line    *observe.Live
	begin   func(observe.About) *observe.Live
	batches chan batch // from the reader, which waits until each is taken
	come    int        // an eventfd: there is a batch
	readErr error      // why there are no more
	read    bool       // there are no more
	broken  bool       // the timeline cannot be written any more
	ended   bool
	reaped  bool
	quiet   time.Time // until then a late reaping is waited for
}

// A batch is what a Read has brought, and how far the source had told then.
type batch struct {
	events []observe.Event
	told   int64
	err    error
}

// Open loads a source: auto, bpf, tracefs or proc.
func Open(id, choice string) (*Session, error) {
	source, skipped, err := open(choice)
	if err != nil {
		return nil, err
	}
	s := &Session{source: source, skipped: skipped, bell: -1, come: -1, channel: -1, listen: -1, dirfd: -1, begin: observe.Collect}
	s.about = observe.About{ID: id, Origin: source.Origin(), Skipped: skipped}
	for _, fd := range []*int{&s.bell, &s.come} {
		if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return nil, errors.Join(fmt.Errorf("eventfd: %w", err), s.Close())
		}
	}
	return s, nil
}

// WriteTo has the timeline written to w, line by line as far as the format
// allows, instead of kept. It comes before Attach.
func (s *Session) WriteTo(w io.Writer, f observe.Format) {
	s.begin = func(about observe.About) *observe.Live { return observe.NewLive(about, w, f) }
}

// Origin is the source that there is, and Skipped why it is no better one, a line each.
func (s *Session) Origin() observe.Origin { return s.source.Origin() }

// Skipped is a line for each better source that is not available.
func (s *Session) Skipped() []string { return s.skipped }

// Attach begins to observe a container. pidfd is of its init, and stays the caller's.
func (s *Session) Attach(t Target, pidfd int) error {
	inode, err := s.pidNamespace(t)
	if err != nil {
		return err
	}
	s.target = observe.Container{ID: s.about.ID, Pid: t.Pid, PidNS: inode, Level: 1, Pidfd: pidfd, Cgroups: t.Cgroups}
	s.about.Init = int32(t.Pid)
	if err := s.source.Attach(s.target); err != nil {
		return fmt.Errorf("attach source %s: %w", s.source.Origin(), err)
	}
	if t.Running && s.source.Origin() != observe.Proc { // which begins so by itself
		s.heard = append(s.heard, s.namespace().Census()...)
	}
	s.line, s.batches = s.begin(s.about), make(chan batch)
	s.line.Add(s.heard...)
	s.heard = nil
	go s.readAll()
	return s.open(t.Dir)
}

// pidNamespace is the inode of a container's PID namespace. Who may not look at
// that knows the rest by their cgroup, which is said.
func (s *Session) pidNamespace(t Target) (inode uint64, err error) {
	var st unix.Stat_t
	err = unix.Stat("/proc/"+strconv.Itoa(t.Pid)+"/ns/pid", &st)
	switch {
	case err == nil:
		return st.Ino, nil
	case t.PidNS != 0 && (err == unix.EACCES || err == unix.EPERM):
		s.skipped = append(s.skipped, fmt.Sprintf("source %s: not CAP_SYS_PTRACE over process %d: who belongs to the container is known by its cgroup", s.source.Origin(), t.Pid))
		s.about.Skipped = s.skipped
		return t.PidNS, nil
	}
	return 0, fmt.Errorf("stat PID namespace of process %d: %w", t.Pid, err)
}

func (s *Session) namespace() proc.Namespace { return proc.Of(s.target) }

// batchMost is how many events are taken at once.
const batchMost = 512

// readAll hands on what the source tells, to its end. It is never a batch
// ahead: what nobody takes waits in the source, which counts what it cannot keep.
func (s *Session) readAll() {
	buffers := [2][]observe.Event{make([]observe.Event, batchMost), make([]observe.Event, batchMost)}
	for i := 0; ; i = 1 - i {
		n, err := s.source.Read(buffers[i])
		unix.Write(s.come, one[:]) // EAGAIN: it rings already
		s.batches <- batch{buffers[i][:n], s.source.Told(), err}
		if err != nil {
			return
		}
	}
}

// one is what an eventfd is given.
var one = [8]byte{1}

// open listens for verbs. Where the container's directory cannot be written
// to, the timeline is without what they say.
func (s *Session) open(dir string) error {
	if err := unix.Mkdir(dir+"/"+socketDir, 0o700); err != nil && err != unix.EEXIST {
		return fmt.Errorf("make %s/%s: %w", dir, socketDir, err)
	}
	var err error
	s.dirfd, err = unix.Open(dir+"/"+socketDir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s/%s: %w", dir, socketDir, err)
	}
	s.name = strconv.Itoa(os.Getpid())
	hidden := hiddenPrefix + s.name // until it listens: Dial takes a socket that does not for a dead one's
	unix.Unlinkat(s.dirfd, hidden, 0)
	s.listen, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(s.listen, address(s.dirfd, hidden))
	}
	if err == nil {
		err = unix.Listen(s.listen, 64)
	}
	if err == nil {
		err = unix.Renameat(s.dirfd, hidden, s.dirfd, s.name) // also over that of an earlier process of our number
	}
	if err != nil {
		return fmt.Errorf("listen in %s/%s: %w", dir, socketDir, err)
	}
	return nil
}

// Interrupt ends Watch. It may be called from any goroutine.
func (s *Session) Interrupt() {
	unix.Write(s.bell, one[:]) // EAGAIN: it rings already
}

// Timeline is what has happened until now. The session is over. With WriteTo
// the rest is written, and the summary; the entries are only there without.
func (s *Session) Timeline() (*observe.Timeline, error) {
	if s.line == nil || s.broken { // it is said already that nobody can be told
		return nil, nil
	}
	err := s.source.Stop()
	for !s.read && err == nil {
		err = s.take()
	}
	s.hearCallers()
	if s.broken {
		return nil, err
	}
	if err == nil {
		s.settleInit()
	}
	if s.readErr != nil {
		s.line.Add(observe.Event{Time: proc.Now(), Kind: observe.Mark, Evidence: observe.Done, Text: "the source has ended, and nothing is seen any more: " + s.readErr.Error()})
	}
	t, writeErr := s.line.Finish()
	return t, errors.Join(err, s.readErr, writeErr)
}

// Close gives back what the session has, also without a Timeline.
func (s *Session) Close() error {
	if s.line != nil && !s.read {
		s.source.Stop()
		for !s.read {
			s.receive()
		}
	}
	err := s.source.Close()
	for _, fd := range append(s.talkers, s.listen, s.bell, s.come) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if s.dirfd >= 0 {
		unix.Unlinkat(s.dirfd, s.name, 0)
		unix.Close(s.dirfd)
	}
	return err
}
