package observe

import (
	"errors"
	"fmt"
)

// A Container is what a source is told to watch.
type Container struct {
	ID      string
	Pid     int      // of the init, in the observer's PID namespace
	PidNS   uint64   // inode of its PID namespace, of /proc/PID/ns/pid
	Level   int      // how far that namespace is below the observer's own: 1 for a container that minirun made
	Pidfd   int      // of the init; the source does not close it
	Cgroups []string // directories of its cgroup, one a hierarchy
}

// A Source tells what the kernel does with a container. To open one is to
// load what it needs, which may be done while the container is being made.
type Source interface {
	// Origin is which it is; its String is the name for --source.
	Origin() Origin
	// Attach begins: nothing that happens after it has returned is missed.
	// It comes before the user's program starts.
	Attach(Container) error
	// Read waits for events and fills dst with them, in no certain order
	// but each with its time; with none after a Nudge. It returns io.EOF when
	// Stop was called and all is read.
	Read(dst []Event) (int, error)
	// Told is the moment up to which everything has been read, in nanoseconds
	// of CLOCK_MONOTONIC, for who reads.
	Told() int64
	// Nudge makes a Read return soon, so that Told goes on when nothing
	// happens. It may be called while another goroutine is in Read.
	Nudge() error
	// Stop ends the events: what has happened before it is still read. It
	// may be called while another goroutine is in Read.
	Stop() error
	// Lost is how many events are missing so far.
	Lost() uint64
	// Close gives everything back to the kernel.
	Close() error
}

// Unavailable is the error of a source that this machine, or this user,
// cannot have. Its text is the one line that tells which and why.
type Unavailable struct {
	Origin Origin
	Err    error
}

// Error is the line.
func (u *Unavailable) Error() string {
	return fmt.Sprintf("source %s: not available: %v", u.Origin, u.Err)
}

// Unwrap is the cause, with its errno.
func (u *Unavailable) Unwrap() error { return u.Err }

// Open opens the first source that is available. The errors of those passed
// over are in skipped, to be shown. Any other error ends the search.
func Open(open ...func() (Source, error)) (s Source, skipped []*Unavailable, err error) {
	for _, o := range open {
		s, err = o()
		var u *Unavailable
		if !errors.As(err, &u) {
			return s, skipped, err
		}
		skipped = append(skipped, u)
	}
	if err == nil {
		err = errors.New("open source: none is asked for")
	}
	return nil, skipped, err
}
