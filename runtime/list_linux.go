package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// List is State for every container of the store, sorted by id. One that
// cannot be read is left out, with a warning: it must not hide the others.
func (rt *Runtime) List() ([]State, error) {
	names, err := rt.Store.Names()
	if err != nil {
		return nil, err
	}
	passwd, _ := readFileAt(unix.AT_FDCWD, "/etc/passwd") // without it owners are numbers
	states := make([]State, 0, len(names))
	for _, id := range names {
		r, err := rt.Store.Load(id)
		if err == ErrNotExist { // deleted since, or only claimed
			continue
		}
		var status Status
		if err == nil {
			status, err = rt.Store.status(r)
		}
		if err != nil {
			rt.warn(fmt.Sprintf("%s: %v", id, err))
			continue
		}
		s := newState(r, status)
		s.Owner = userName(string(passwd), r.Owner)
		states = append(states, s)
	}
	return states, nil
}
