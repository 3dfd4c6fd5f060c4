package runtime

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// prefault has the kernel map the pages of the heap that compiling and
// assembling a plan is about to touch, in one call: one page fault for each
// costs a tenth of a container's start, the call a tenth of that.
//
// The Go runtime gives out its heap upwards, to each P in pieces of 512 kB,
// and maps it 4 MB at a time. So what is about to be touched lies in the piece
// of a fresh object, the one before and the one behind it. Where the next
// multiple of 4 MB is too near, one object takes the rest, which makes the
// runtime map the following. The advice only touches pages and changes nothing
// that a program could see (madvise(2), MADV_POPULATE_WRITE, Linux 5.14). An
// error means page faults.
func prefault() {
	const piece, mapped = 512 << 10, 4 << 20
	inHeap = make([]byte, 28<<10) // a size that nothing else has
	at := uintptr(unsafe.Pointer(&inHeap[0]))
	if left := mapped - at%mapped; left < piece {
		inHeap = make([]byte, left)
		at = uintptr(unsafe.Pointer(&inHeap[0])) + left
	}
	from := max(at&^(piece-1)-piece, at&^(mapped-1))
	to := min(at&^(piece-1)+2*piece, at&^(mapped-1)+mapped)
	unix.RawSyscall(unix.SYS_MADVISE, from, to-from, unix.MADV_POPULATE_WRITE)
	deepen(inHeap[0])
}

// inHeap keeps prefault's objects from being put on the stack.
var inHeap []byte

// deepen has the stack grow once, now that there is little on it to copy,
// rather than four times on the way down. It is the size of the frame that
// does it (runtime.newstack); the branch keeps it from being touched.
//
//go:noinline
func deepen(no byte) (sum byte) {
	if no != 0 {
		var frame [40 << 10]byte
		for i := range frame {
			frame[i] = no
			sum += frame[int(no)*i%len(frame)]
		}
	}
	return sum
}
