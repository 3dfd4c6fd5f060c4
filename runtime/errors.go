package runtime

import (
	"errors"
	"fmt"
	"syscall"
)

// The texts below are runc's: containerd, docker and podman look for them in
// what a runtime prints, and take a container that "does not exist" or is "not
// running" for one that has gone as it should.
var (
	ErrExist      = errors.New("container with given ID already exists")
	ErrNotExist   = errors.New("container does not exist")
	ErrNotRunning = errors.New("container not running")
	ErrRunning    = errors.New("cannot start an already running container")
	ErrStopped    = errors.New("cannot start a container that has stopped")
	ErrNotPaused  = errors.New("container not paused")
	ErrCreating   = errors.New("container is still being created")
)

// A NotStoppedError says that delete was asked, without force, for a
// container that is alive.
type NotStoppedError struct {
	ID     string
	Status Status
}

func (e *NotStoppedError) Error() string {
	return fmt.Sprintf("cannot delete container %s that is not stopped: %s", e.ID, e.Status)
}

// A LockedError says that another process kept a container locked for as long
// as a verb was ready to wait.
type LockedError struct {
	ID     string
	Holder int // its pid; 0 when it is not visible in our PID namespace
}

func (e *LockedError) Error() string {
	if e.Holder == 0 {
		return "container is locked by another process; try again when it is done"
	}
	return fmt.Sprintf("container is locked by process %d; try again when it is done", e.Holder)
}

// ignore is err, or nil when it is one of the errnos.
func ignore(err error, errnos ...syscall.Errno) error {
	for _, e := range errnos {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
