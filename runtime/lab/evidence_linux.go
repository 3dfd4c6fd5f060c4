package lab

import (
	"path/filepath"

	"minirun/runtime/observe/session"

	"golang.org/x/sys/unix"
)

// A witness observes the first container of an experiment, by the best source
// that there is. Its loading goes on while the container is created. Without
// any source the experiment is played all the same.
type witness struct {
	opened  chan *session.Session // nil comes of no source
	session *session.Session
	over    chan error
	asked   bool // watch has taken what came of opened
	pidfd   int
}

// callWitness begins to load a source.
func callWitness() *witness {
	w := &witness{opened: make(chan *session.Session, 1)}
	go func() {
		s, err := session.Open("lab", session.Auto)
		if err != nil {
			s = nil
		}
		w.opened <- s
	}()
	return w
}

// watch attaches to a container that has been created. Verbs of minirun find
// the witness in the container's directory; any other runtime knows of none.
func (w *witness) watch(x *box) {
	s := <-w.opened
	if w.asked = true; s == nil {
		return
	}
	var err error
	if w.pidfd, err = unix.FcntlInt(uintptr(x.pidfd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		s.Close()
		return
	}
	dir := x.dir
	if x.runtime.own {
		dir = filepath.Join(x.runtime.root, x.id)
	}
	if s.Attach(session.Target{Dir: dir, Pid: x.pid, Cgroups: []string{x.group}}, w.pidfd) != nil {
		s.Close()
		unix.Close(w.pidfd)
		return
	}
	w.session, w.over = s, make(chan error, 1)
	go func() { w.over <- s.Watch(session.Until{}) }()
}

// testify ends the observation; nil if there was none.
func (w *witness) testify() *Evidence {
	if !w.asked { // there was no container
		if s := <-w.opened; s != nil {
			s.Close()
		}
	}
	if w.session == nil {
		return nil
	}
	defer unix.Close(w.pidfd)
	w.session.Interrupt()
	<-w.over
	t, err := w.session.Timeline()
	w.session.Close()
	if err != nil {
		return nil
	}
	return evidenceOf(t)
}
