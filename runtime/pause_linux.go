package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// Pause stops every process of a container that is created or running, and
// returns when all have stopped. When they do not within two seconds the
// container runs on, and the error, ETIMEDOUT, names who did not stop. Other
// errors are ErrNotExist, ErrNotRunning, ErrCreating, or those of system calls.
func (rt *Runtime) Pause(id string) error {
	d, err := rt.Store.Lock(id) // against a delete, which would meet a freezer that it has just thawed
	if err != nil {
		return err
	}
	defer d.Close()
	g, r, err := rt.freezable(id, actPause)
	if err != nil {
		return err
	}
	say(rt.Store.dir(id), "pause: freezes the cgroup")
	err = g.Freeze()
	switch {
	case ignore(err, unix.ETIMEDOUT) != err:
		return fmt.Errorf("%w; %s", err, whoBlocks(r))
	case ignore(err, unix.ENOENT, unix.ENODEV) != err:
		return ErrNotRunning
	}
	return err
}

// Resume lets a paused container run again. It takes no lock: nothing that
// hangs may keep it away. The errors are ErrNotExist, ErrNotPaused,
// ErrCreating, or those of system calls.
func (rt *Runtime) Resume(id string) error {
	g, _, err := rt.freezable(id, actResume)
	if err == nil {
		say(rt.Store.dir(id), "resume: thaws the cgroup")
		err = g.Thaw()
	}
	return err
}

// freezable looks at a container and consults the table.
func (rt *Runtime) freezable(id string, a action) (*cgroups.Group, *Record, error) {
	r, err := rt.Store.Load(id)
	if err != nil {
		return nil, nil, err
	}
	status, err := rt.Store.status(r)
	if err == nil {
		err = refuse(a, status, id)
	}
	if err == nil && len(r.Cgroups) == 0 {
		err = errNoCgroup
	}
	return cgroups.Restore(r.Cgroups), r, err
}
