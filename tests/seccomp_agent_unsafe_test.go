package tests

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// struct seccomp_notif and seccomp_notif_resp (include/uapi/linux/seccomp.h).
type notification struct {
	id         uint64
	pid, flags uint32
	nr, arch   uint32
	ip         uint64
	args       [6]uint64
}

type notifyAnswer struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

const (
	notifRecv = 0xc0502100
	notifSend = 0xc0182101
)

func receiveNotification(fd int, n *notification) error {
	*n = notification{}
	return ioctl(fd, notifRecv, unsafe.Pointer(n))
}

func answerNotification(fd int, a *notifyAnswer) error {
	return ioctl(fd, notifSend, unsafe.Pointer(a))
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
