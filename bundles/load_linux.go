package bundles

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Load reads, decodes and validates the config.json of the bundle at dir. An
// error about its contents starts with "config.json: ".
func Load(dir string) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	data, err := readFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, loadError(dir, err)
	}
	spec, err := Decode(data)
	if err == nil {
		err = Validate(spec)
	}
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return &Bundle{Dir: dir, Spec: spec}, nil
}

// loadError tells a bundle that is not there from one without a config.json,
// which the errno of the open does not.
func loadError(dir string, err error) error {
	if _, missing := os.Stat(dir); missing != nil {
		err = missing
	}
	return fmt.Errorf("bundle: %w", err)
}

// readFile reads a whole file with the bare calls. An os.File would start the
// Go runtime's poller, whose two descriptors would then be taken for the
// caller's by --preserve-fds, and which costs more than the read.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 16<<10)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
}
