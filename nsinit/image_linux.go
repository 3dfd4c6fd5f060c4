package nsinit

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Memfd returns a close-on-exec descriptor of a sealed file in memory that
// holds the image, to be executed through /proc/self/fd. Nobody, PID 1 of the
// container included, can write to it or make it writable again.
//
// Where the sysctl vm.memfd_noexec=2 of the PID namespace forbids executable
// memfds (EACCES, since Linux 6.3), the image goes to a nameless file in
// fallbackDir instead, which must not be on a noexec mount. That loses the
// seals: the image is a file on a disk, protected by its mode and by having
// neither a name nor a writable descriptor, and root can open it for writing
// through /proc/PID/exe once it is no longer executed.
func (im *Image) Memfd(name, fallbackDir string) (fd int, err error) {
	fd, err = memfdCreate(name)
	if errors.Is(err, unix.EACCES) {
		return im.nameless(fallbackDir)
	}
	if err != nil {
		return -1, fmt.Errorf("create memfd %s: %w", name, err)
	}
	if err := im.fill(fd); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("write memfd %s: %w", name, err)
	}
	if err := seal(fd); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("seal memfd %s: %w", name, err)
	}
	return fd, nil
}

// memfdCreate asks for an executable memfd. MFD_EXEC and F_SEAL_EXEC came
// with Linux 6.3; before, a memfd was executable unasked.
func memfdCreate(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		return unix.MemfdCreate(name, flags)
	}
	return fd, err
}

func seal(fd int) error {
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals|unix.F_SEAL_EXEC)
	if errors.Is(err, unix.EINVAL) {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	return err
}

// nameless is the fallback of Memfd. The descriptor that wrote the file must
// be closed before execve, which refuses a file open for writing (ETXTBSY).
func (im *Image) nameless(dir string) (int, error) {
	w, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC|unix.O_EXCL, 0o500)
	if err != nil {
		return -1, fmt.Errorf("vm.memfd_noexec forbids an executable memfd; create a nameless file in %s instead: %w", dir, err)
	}
	defer unix.Close(w)
	if err := checkExec(w); err != nil {
		return -1, fmt.Errorf("execute a nameless file in %s: %w", dir, err)
	}
	if err := im.fill(w); err != nil {
		return -1, fmt.Errorf("write nameless file in %s: %w", dir, err)
	}
	r, err := unix.Open("/proc/self/fd/"+strconv.Itoa(w), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("reopen nameless file in %s: %w", dir, err)
	}
	return r, nil
}

// checkExec refuses a noexec mount (often /run is one), which would turn up
// only at execve, with the same errno and without the reason.
func checkExec(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("mounted noexec: %w", unix.EACCES)
	}
	return nil
}

// fill writes the image. Its strings may be secrets of the container's
// environment: only the owner may read it. An init is executed by the
// container's user, who must be able to read it too, or the kernel makes
// /proc/1 root's (would_dump, fs/exec.c), and a program that logs to
// /proc/1/fd/1 fails.
func (im *Image) fill(fd int) error {
	for off := 0; off < len(im.ELF); {
		n, err := unix.Write(fd, im.ELF[off:])
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		off += max(n, 0)
	}
	if im.Open {
		return unix.Fchmod(fd, 0o555)
	}
	return unix.Fchmod(fd, 0o500)
}
