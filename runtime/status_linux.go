package runtime

import (
	"errors"

	"golang.org/x/sys/unix"
)

// status looks at a container and says what it is doing.
func (s Store) status(r *Record) (Status, error) {
	p, err := openInit(r)
	if err != nil {
		return "", err
	}
	defer p.close()
	return s.statusSeen(p)
}

// statusSeen looks at a container whose init is open.
func (s Store) statusSeen(p *initProc) (_ Status, err error) {
	r := p.r
	if err := p.look(); err != nil {
		return "", err
	}
	if (r.Creating || r.Pid == 0) && !p.seen.alive() {
		if p.seen.Locked, err = s.locked(r.ID); err != nil {
			return "", err
		}
	}
	return statusOf(r, p.seen), nil
}

// locked says whether somebody holds a container's lock, without taking it
// where that can be known otherwise.
func (s Store) locked(id string) (bool, error) {
	d, err := openDir(s.dir(id))
	if err != nil {
		if errors.Is(notExist(err), ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	defer d.release()
	holder, certain, err := d.holder()
	if err != nil || certain {
		return holder != 0, err
	}
	// A shared lock, which does not hold up another who asks like this.
	err = d.flock(unix.LOCK_SH)
	if err == nil {
		return false, d.unlock()
	}
	return true, ignore(err, unix.EWOULDBLOCK)
}
