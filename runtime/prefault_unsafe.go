package runtime

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// prefault has the kernel map the pages of the heap that compiling and
// assembling a plan is about to touch, in one call: one page fault for each
// costs a tenth of a container's start, the call a tenth of that.
//
// The Go runtime gives out its first arena upwards, and maps it 4 MB at a
// time; so what follows an object with a span of its own is heap that nobody
// has touched, or not mapped. The advice only touches pages and changes
// nothing that a program could see (madvise(2), MADV_POPULATE_WRITE, Linux
// 5.14). An error means page faults.
func prefault() {
	const size = 896 << 10
	inHeap = new([28 << 10]byte) // of a size that nothing else has
	page := uintptr(unsafe.Pointer(inHeap)) &^ uintptr(unix.Getpagesize()-1)
	unix.RawSyscall(unix.SYS_MADVISE, page, size, unix.MADV_POPULATE_WRITE)
}

// inHeap keeps prefault's object from being put on the stack.
var inHeap *[28 << 10]byte
