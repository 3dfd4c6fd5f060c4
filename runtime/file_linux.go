package runtime

import "golang.org/x/sys/unix"

// Small files are read and written with the bare calls: an os.File would
// bring a fstat, and a finalizer, for each of the half dozen that a verb opens.

// readFileAt reads a whole file. The error is a bare errno.
func readFileAt(dirfd int, path string) ([]byte, error) {
	fd, err := openAt(dirfd, path, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readAll(fd)
}

// readAll reads an open file to its end. The error is a bare errno.
func readAll(fd int) ([]byte, error) {
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// writeFileAt creates or replaces a file of mode 0600. The error is a bare errno.
func writeFileAt(dirfd int, path string, text []byte) error {
	fd, err := openAt(dirfd, path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	for len(text) > 0 && err == nil {
		var n int
		if n, err = unix.Write(fd, text); err == unix.EINTR {
			err = nil
			continue
		}
		text = text[max(n, 0):]
	}
	if cerr := unix.Close(fd); err == nil {
		err = cerr
	}
	return err
}

func openAt(dirfd int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
