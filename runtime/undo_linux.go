package runtime

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// undo ends whatever came of a birth that failed and returns why it failed.
// What could not be ended keeps its record, so that delete --force finds it.
func (b *birth) undo(cause error) error {
	if b.making != nil {
		<-b.making
		b.making = nil
	}
	if b.pid != 0 {
		if err := b.end(); err != nil {
			return errors.Join(cause, err)
		}
	}
	if err := deleteResctrl(&b.rec); err != nil {
		return errors.Join(cause, err)
	}
	if b.grouped {
		if err := b.dissolve(); err != nil {
			return errors.Join(cause, err)
		}
	}
	if err := b.dir.Remove(); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

// end kills the init and reaps it.
func (b *birth) end() error {
	if err := unix.PidfdSendSignal(b.pidfd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("kill init %d: %w", b.pid, err)
	}
	_, err := b.reap()
	if errors.Is(err, unix.ECHILD) {
		return nil // reaped already, by afterEOF
	}
	return err
}

// dissolve removes the cgroup; without an own PID namespace the init's
// children outlive it there.
func (b *birth) dissolve() error {
	if !b.ownPidNS() {
		if err := b.group.Kill(); err != nil {
			return err
		}
		if err := b.group.WaitEmpty(time.Now().Add(deletePatience)); err != nil {
			return err
		}
	}
	return b.group.Undo()
}

// release closes what minirun holds of the container. It keeps living.
func (b *birth) release() {
	for _, fd := range append(b.theirs, b.image, b.pidfd, b.report, b.sync, b.agent, b.output) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	for _, fd := range b.states {
		unix.Close(fd)
	}
	if b.dir != nil { // an exec has none
		b.dir.Close()
		b.unobserve()
	}
}
