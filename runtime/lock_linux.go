package runtime

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"minirun/bundles"
)

// lockPatience is how long a verb waits for another verb on the same
// container. The longest that holds a lock is delete, with 10 s for a process
// that does not die, so that whoever comes second still gets an answer.
const lockPatience = 10 * time.Second

// Lock locks an existing container, waiting up to 10 s for whoever has it,
// and then a LockedError says who that is. It is ErrNotExist when there is no
// such directory, or not any more when the wait is over.
func (s Store) Lock(id string) (*Dir, error) {
	return s.lockWithin(id, lockPatience)
}

func (s Store) lockWithin(id string, patience time.Duration) (*Dir, error) {
	if err := bundles.ValidateID(id); err != nil {
		return nil, err
	}
	d, err := openDir(s.dir(id))
	if err != nil {
		return nil, notExist(err)
	}
	err = d.wait(id, time.Now().Add(patience))
	if err == nil {
		err = d.linked()
	}
	if err != nil {
		d.release()
		return nil, notExist(err)
	}
	return d, nil
}

// relock takes back the lock of a directory that was unlocked, or says
// ErrNotExist when it has been removed meanwhile.
func (d *Dir) relock(id string) error {
	err := d.wait(id, time.Now().Add(lockPatience))
	if err == nil {
		err = d.linked()
	}
	return notExist(err)
}

// tryLock locks a directory or fails with EWOULDBLOCK, ENOENT or ENOTDIR.
func tryLock(path string) (*Dir, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	if err = d.flock(unix.LOCK_EX); err == nil {
		err = d.linked()
	}
	if err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func openDir(path string) (*Dir, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Dir{path: path, fd: fd}, nil
}

// flock locks the directory in one of the ways of flock(2), or fails with EWOULDBLOCK.
func (d *Dir) flock(how int) error {
	for {
		err := unix.Flock(d.fd, how|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &fs.PathError{Op: "lock", Path: d.path, Err: err}
		}
	}
}

// linked fails with ENOENT when the directory has lost its name to a delete,
// or to a successor, between the open and the lock.
func (d *Dir) linked() error {
	var mine, named unix.Stat_t
	if err := unix.Fstat(d.fd, &mine); err != nil {
		return &fs.PathError{Op: "fstat", Path: d.path, Err: err}
	}
	err := unix.Lstat(d.path, &named)
	if err == nil && (mine.Dev != named.Dev || mine.Ino != named.Ino) {
		err = unix.ENOENT
	}
	if err != nil {
		return &fs.PathError{Op: "lstat", Path: d.path, Err: err}
	}
	return nil
}

func notExist(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return ErrNotExist
	}
	return err
}

// wait takes the lock, or gives up at the deadline. flock(2) cannot be given a
// time, and a Go program does not want signals; what frees the lock is awaited
// instead: a close of the directory (Dir.Close unlocks before it), or the end
// of the holder, whose files are closed before its pidfd is readable.
func (d *Dir) wait(id string, deadline time.Time) error {
	err := d.flock(unix.LOCK_EX)
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	closes, err := watchCloses(d.path)
	if err != nil {
		return err
	}
	defer unix.Close(closes)
	for {
		// In this order: a lock that is free by the time we look for its
		// holder is ours for the asking, and one that is not has a pid to wait for.
		holder, _, err := d.holder()
		if err != nil {
			return err
		}
		if err := d.flock(unix.LOCK_EX); !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		woken, err := awaitRelease(closes, holder, deadline)
		if err != nil {
			return err
		}
		if !woken {
			return &LockedError{ID: id, Holder: holder}
		}
	}
}

// watchCloses is an inotify descriptor that tells of each close of a directory.
func watchCloses(path string) (int, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return -1, &fs.PathError{Op: "inotify_init1", Path: path, Err: err}
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_NOWRITE); err != nil {
		unix.Close(fd)
		return -1, &fs.PathError{Op: "inotify_add_watch", Path: path, Err: err}
	}
	return fd, nil
}

// awaitRelease returns when the lock may have become free, or with false at the deadline.
func awaitRelease(closes, holder int, deadline time.Time) (bool, error) {
	fds := readable(closes)
	if holder != 0 {
		pidfd, err := unix.PidfdOpen(holder, 0)
		if err == unix.ESRCH {
			return true, nil
		}
		if err != nil {
			return false, &fs.PathError{Op: "pidfd_open", Path: "holder of the lock", Err: err}
		}
		defer unix.Close(pidfd)
		fds = append(fds, readable(pidfd)...)
	}
	ready, err := pollUntil(fds, deadline)
	if fds[0].Revents != 0 {
		var events [4096]byte
		unix.Read(closes, events[:]) // only to be quiet again; what they say is known
	}
	return ready, err
}

// holder is the pid that has the directory locked, 0 when it is not to be seen.
// What a table of more than a page leaves out may be held all the same: the
// kernel writes it a page at a time, and counts from the beginning each time,
// while locks come and go (locks_seq_operations, fs/locks.c).
func (d *Dir) holder() (pid int, certain bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return 0, false, &fs.PathError{Op: "fstat", Path: d.path, Err: err}
	}
	locks, err := readFileAt(unix.AT_FDCWD, "/proc/locks")
	if err != nil {
		return 0, false, &fs.PathError{Op: "read", Path: "/proc/locks", Err: err}
	}
	pid = lockHolder(string(locks), unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	return pid, pid != 0 || len(locks) < os.Getpagesize()-maxLockLine, nil
}

// maxLockLine is more than a line of /proc/locks has: a page ends before the
// line that it has no room for.
const maxLockLine = 128
