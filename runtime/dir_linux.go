package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A Dir is a container's directory, locked until Close. Its files are reached
// through its descriptor, wherever its name has gone.
type Dir struct {
	path string
	fd   int
}

// Path is the path of a file in the directory.
func (d *Dir) Path(name string) string { return d.path + "/" + name }

// Close releases the lock. The unlock comes before the close, because those
// who wait are woken by the close (lock_linux.go).
func (d *Dir) Close() error {
	return errors.Join(unix.Flock(d.fd, unix.LOCK_UN), d.release())
}

// unlock lets other verbs have the container while this process lives on. It
// opens the directory again for the sake of the close, which wakes them.
func (d *Dir) unlock() error {
	if err := unix.Flock(d.fd, unix.LOCK_UN); err != nil {
		return &fs.PathError{Op: "unlock", Path: d.path, Err: err}
	}
	bell, err := openAt(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == unix.ENOENT { // removed by one who did not wait
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: d.path, Err: err}
	}
	return unix.Close(bell)
}

// release closes a directory that is not locked.
func (d *Dir) release() error { return unix.Close(d.fd) }

// Write replaces the record, at once: a reader sees the old or the new one.
// There is no fsync, because no record outlives the boot that it is about.
func (d *Dir) Write(r Record) error {
	const temp = recordFile + ".new" // the lock makes the name ours
	if err := writeFileAt(d.fd, temp, r.Encode()); err != nil {
		return fmt.Errorf("write %s: %w", d.Path(temp), err)
	}
	if err := unix.Renameat(d.fd, temp, d.fd, recordFile); err != nil {
		return &fs.PathError{Op: "rename", Path: d.Path(temp), Err: err}
	}
	return nil
}

// Record reads the record, or says ErrNotExist.
func (d *Dir) Record() (*Record, error) {
	r, err := readRecord(d.fd, recordFile)
	if err != nil && err != ErrNotExist {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return r, err
}

// Remove removes the directory and all that is in it, the record last: what
// a Remove that was killed leaves is a container that can be deleted again, or
// a directory without a record, which the next verb sweeps up. The lock stays
// until Close.
func (d *Dir) Remove() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == recordFile {
			continue
		}
		if err := os.RemoveAll(d.Path(e.Name())); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(d.fd, recordFile, 0); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "unlink", Path: d.Path(recordFile), Err: err}
	}
	if err := unix.Rmdir(d.path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: d.path, Err: err}
	}
	return nil
}

func readRecord(dirfd int, path string) (*Record, error) {
	text, err := readFileAt(dirfd, path)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR:
		return nil, ErrNotExist
	default:
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	r, err := DecodeRecord(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}
