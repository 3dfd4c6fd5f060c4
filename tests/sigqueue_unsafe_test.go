package tests

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigqueue is sigqueue(3).
func sigqueue(pid, sig, value int) error {
	info := struct {
		signo, errno, code, pad int32
		pid, uid                int32
		value                   int64
		rest                    [12]int64
	}{code: -1, value: int64(value)}
	_, _, errno := unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return errno
	}
	return nil
}
