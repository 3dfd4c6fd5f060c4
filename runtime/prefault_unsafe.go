package runtime

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// prefault has the kernel map the pages of the heap that compiling a plan is
// about to touch, in one call: a page fault for each of some hundred costs
// 1 ms of a container's start, the call a tenth of it. The Go runtime takes
// small spans from one arena upwards, and its first arena is mapped to its
// end, so what follows a fresh object is heap or not mapped; the advice only
// touches pages and changes nothing that a program could see
// (madvise(2), MADV_POPULATE_WRITE, Linux 5.14). An error means page faults.
func prefault() {
	const size = 512 << 10
	inHeap = new([64]byte)
	page := uintptr(unsafe.Pointer(inHeap)) &^ uintptr(unix.Getpagesize()-1)
	unix.RawSyscall(unix.SYS_MADVISE, page, size, unix.MADV_POPULATE_WRITE)
}

// inHeap keeps prefault's object from being put on the stack.
var inHeap *[64]byte
