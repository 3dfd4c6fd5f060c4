package cgroups

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Files of a cgroup file system are opened without following a final symbolic
// link, read or written in one go, and closed. Errors are bare errnos: the
// caller knows what the file stands for.

// Look returns where control groups are mounted, by one read each of
// /proc/self/mountinfo and /proc/self/cgroup.
func Look() (*Host, error) {
	mountinfo, err := readAll("/proc/self/mountinfo", make([]byte, 0, 12<<10))
	if err != nil {
		return nil, failed("read", "/proc/self/mountinfo", err)
	}
	self, err := readAll("/proc/self/cgroup", mountinfo[len(mountinfo):])
	if err != nil {
		return nil, failed("read", "/proc/self/cgroup", err)
	}
	return parseHost(mountinfo, self)
}

// readAll appends the contents of a file to buf.
func readAll(path string, buf []byte) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return readFD(fd, buf)
}

// readFD appends what fd has left to buf, and closes it.
func readFD(fd int, buf []byte) ([]byte, error) {
	defer unix.Close(fd)
	for {
		if cap(buf)-len(buf) < 256 {
			buf = append(make([]byte, 0, 2*cap(buf)+4<<10), buf...)
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return buf, err
		}
		buf = buf[:len(buf)+n]
	}
}

// readFile returns what a small file of a group holds.
func readFile(dir, file string) (string, error) {
	b, err := readAll(dir+"/"+file, make([]byte, 0, 512))
	return string(b), err
}

// writeFile writes value to a file of a group.
func writeFile(dir, file, value string) error {
	return writeAt(unix.AT_FDCWD, dir+"/"+file, value)
}

func writeAt(dirfd int, path, value string) error {
	fd, err := openat(dirfd, path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return write1(fd, value)
}

// write1 writes value by one write(2), which the kernel takes as one setting.
func write1(fd int, value string) error {
	for {
		if _, err := unix.Write(fd, []byte(value)); err != unix.EINTR {
			return err
		}
	}
}

func open(path string, flags int) (int, error) { return openat(unix.AT_FDCWD, path, flags) }

func openat(dirfd int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// rmdir removes a directory; one that is not there is no error.
func rmdir(dir string) error {
	for {
		switch err := unix.Rmdir(dir); err {
		case unix.EINTR:
		case unix.ENOENT:
			return nil
		default:
			return err
		}
	}
}

// gone reports whether err says that a group is not there any more: removed
// before it was opened, or since.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}
