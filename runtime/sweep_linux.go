package runtime

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"minirun/bundles"
)

// Names lists the directories that may be containers, sorted, and removes
// claims whose process is dead.
func (s Store) Names() ([]string, error) {
	entries, err := os.ReadDir(s.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch name := e.Name(); {
		case !e.IsDir():
		case strings.HasPrefix(name, claimPrefix):
			if _, err := s.sweep(name); err != nil {
				return nil, err
			}
		case bundles.ValidateID(name) == nil:
			names = append(names, name)
		}
	}
	return names, nil
}

// sweep removes a directory without a record that nobody has locked, and
// says whether that name is free now.
func (s Store) sweep(name string) (free bool, err error) {
	d, err := tryLock(s.dir(name))
	if err != nil {
		return errors.Is(err, unix.ENOENT), ignore(err, unix.ENOENT, unix.EWOULDBLOCK, unix.ENOTDIR)
	}
	defer d.Close()
	if _, err := d.Record(); !errors.Is(err, ErrNotExist) {
		return false, nil
	}
	return true, d.Remove()
}
