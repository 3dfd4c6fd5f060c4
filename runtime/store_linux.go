package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"minirun/bundles"
)

const (
	recordFile = "state.json"
	// claimPrefix begins the name of a directory that is not a container yet.
	// No container ID begins with a dot.
	claimPrefix = ".claim-"
)

// A Store is where containers are kept, a directory for each: <Root>/<id>. A
// directory's lock is flock(2) on the directory itself, so that there is no
// lock without its container and no second file to lose; its record is
// state.json, replaced by rename(2) so that readers need no lock.
type Store struct {
	Root string // absolute; made with mode 0711 on first use
}

// DefaultRoot is where the state is kept when nobody says: /run/minirun, the
// same whatever the environment, or for a user who is not root
// $XDG_RUNTIME_DIR/minirun. Root of a user namespace is a user, as podman is
// without privileges, unless $USER is root, whose /run may be a container's own.
func DefaultRoot(euid int, env func(string) string, inUserNS func() bool) string {
	xdg := env("XDG_RUNTIME_DIR")
	if xdg != "" && (euid != 0 || env("USER") != "root" && inUserNS()) {
		return filepath.Join(xdg, "minirun")
	}
	return "/run/minirun"
}

// Claim makes the directory of a new container and returns it locked, or
// ErrExist. The directory is made under another name, locked, and then renamed
// without replacing, so that an id appears locked and for one caller only.
//
// What a create that was killed at its very start has left, a directory
// without a record that nobody has locked, is removed on the way.
func (s Store) Claim(id string) (*Dir, error) {
	if err := bundles.ValidateID(id); err != nil {
		return nil, err
	}
	for {
		d, err := s.claimOnce(id)
		if err != ErrExist {
			return d, err
		}
		if swept, err := s.sweep(id); err != nil {
			return nil, err
		} else if !swept {
			return nil, s.whyExists(id)
		}
	}
}

func (s Store) claimOnce(id string) (*Dir, error) {
	d, err := s.makeLocked()
	if err != nil {
		return nil, err
	}
	to := s.dir(id)
	err = unix.Renameat2(unix.AT_FDCWD, d.path, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil {
		d.path = to
		return d, nil
	}
	cleanup := d.Remove()
	d.Close()
	if err == unix.EEXIST && cleanup == nil {
		return nil, ErrExist
	}
	return nil, errors.Join(&fs.PathError{Op: "rename", Path: to, Err: err}, cleanup)
}

// makeLocked makes a directory under a name of its own, and locks it. Between
// the two, a sweep can take it for the remains of a dead process; then the
// lock fails and another name is tried.
func (s Store) makeLocked() (*Dir, error) {
	for n := 0; ; n++ {
		path := s.dir(claimPrefix + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(n))
		err := unix.Mkdir(path, 0o700)
		if err == unix.ENOENT {
			if err := s.makeRoot(); err != nil {
				return nil, err
			}
			err = unix.Mkdir(path, 0o700)
		}
		if err == unix.EEXIST { // another thread's, or a dead namesake's
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "mkdir", Path: path, Err: err}
		}
		d, err := tryLock(path)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.ENOENT) {
			return d, err
		}
	}
}

// makeRoot makes the root. Its mode is 0711 also under a strict umask:
// what is inside protects itself.
func (s Store) makeRoot() error {
	if err := os.MkdirAll(s.Root, 0o711); err != nil {
		return err
	}
	return os.Chmod(s.Root, 0o711)
}

// whyExists is ErrExist, with what to do when it is the remains of a killed
// create that are in the way.
func (s Store) whyExists(id string) error {
	r, err := s.Load(id)
	if err != nil || !r.Creating {
		return ErrExist
	}
	d, err := tryLock(s.dir(id))
	if err != nil {
		return ErrExist
	}
	d.Close()
	return fmt.Errorf("%w: its create was interrupted; remove what is left with delete --force", ErrExist)
}

// Load reads a record without a lock. A container that is only claimed has no
// record, and does not exist yet: ErrNotExist.
func (s Store) Load(id string) (*Record, error) {
	if err := bundles.ValidateID(id); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir(id), recordFile)
	r, err := readRecord(unix.AT_FDCWD, path)
	if !errors.Is(err, ErrNotExist) {
		return r, err
	}
	if _, err := s.sweep(id); err != nil {
		return nil, err
	}
	return nil, ErrNotExist
}

func (s Store) dir(name string) string { return s.Root + "/" + name }
