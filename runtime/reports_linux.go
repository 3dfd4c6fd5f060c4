package runtime

import (
	"errors"
	"fmt"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// serve reads reports until the container is created or its program runs.
func (b *birth) serve() error {
	for {
		r, err := b.next()
		if err != nil {
			return err
		}
		if r == nil {
			return b.afterEOF()
		}
		switch b.markOf(*r) {
		case nsinit.MarkHooks:
			if err := b.runtimeHooks(); err != nil {
				return err
			}
			if err := b.proceed(); err != nil {
				return err
			}
		case nsinit.MarkReady:
			return nil
		}
	}
}

// afterEOF judges the end of the reports. For run it is the execve; for
// create the image has been killed, by the OOM killer or by somebody.
func (b *birth) afterEOF() error {
	if !b.facts.Wait {
		return nil
	}
	status, err := b.reap()
	if err != nil {
		return err
	}
	return fmt.Errorf("init ended before the container was created: %s", statusText(status))
}

// reported prefers the error of an image that has failed to what failed
// because of that: a process that has ended cannot be moved.
func (b *birth) reported(err error) error {
	if err == nil {
		return nil
	}
	if ended, _ := pollUntil(readable(b.pidfd), noTime); !ended {
		return err
	}
	if ready, _ := pollUntil(readable(b.report), noTime); !ready {
		return err
	}
	if _, failed := b.next(); failed != nil {
		return failed
	}
	return err
}

// adopt goes over from the stage to the final process, which is our child too.
func (b *birth) adopt(pid int) error {
	if _, err := b.reap(); err != nil {
		return err
	}
	unix.Close(b.pidfd)
	b.pid = pid
	var err error
	if b.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		return fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	return nil
}

// next is the image's next report: a mark, nil at end-of-file, or the error
// that ended it.
func (b *birth) next() (*nsinit.Report, error) {
	r, listener, err := b.receive()
	if err == nil && listener >= 0 {
		err = b.handOver(listener)
	}
	if err != nil || r == nil {
		return r, err
	}
	if r.Value < 0 {
		return nil, newStepError(b.plan, *r)
	}
	if b.markOf(*r) == nsinit.MarkHook {
		return r, b.hookStatus(*r)
	}
	return r, nil
}

// receive reads a report, and the descriptor that came along; -1 is none.
func (b *birth) receive() (*nsinit.Report, int, error) {
	if b.attend != nil {
		if err := b.attend(); err != nil {
			return nil, -1, err
		}
	}
	if b.plan.Listener && !b.facts.Wait {
		return receiveReport(b.report)
	}
	r, err := readReport(b.report)
	return r, -1, err
}

// hookStatus words the failure of a hook inside the container; the report of
// its step follows.
func (b *birth) hookStatus(r nsinit.Report) error {
	f, err := readReport(b.report)
	if err != nil || f == nil || f.Value >= 0 {
		return errors.Join(err, fmt.Errorf("hook inside the container: %s", statusText(unix.WaitStatus(r.Value))))
	}
	e := newStepError(b.plan, *f)
	e.Message += ": " + statusText(unix.WaitStatus(r.Value)) + tail(b.output)
	return e
}

func (b *birth) markOf(r nsinit.Report) string {
	s, _ := b.plan.At(int(r.Step))
	if m, ok := s.Op.(nsinit.Mark); ok {
		return m.Name
	}
	return ""
}
