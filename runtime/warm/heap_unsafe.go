package warm

import "unsafe"

// The Go runtime gives out its heap upwards, to each P in pieces of 512 kB
// (runtime.pageCache), and maps it 4 MB at a time. So what is about to be
// touched lies behind a fresh object that has a span of its own, up to the
// next multiple of 4 MB.
const (
	piece  = 512 << 10
	mapped = 4 << 20
)

func init() {
	Stack()
	at := fresh(piece / 2)
	populate(at, min(at+piece/2, end(at)))
}

// Plan is for verbs that compile and assemble a plan. Their goroutine may come
// to another P: what it touches lies in the piece of a fresh object, the one
// before and the one behind it.
func Plan() {
	at := fresh(piece)
	from := at &^ (piece - 1)
	populate(max(from-piece, at&^(mapped-1)), min(from+2*piece, end(at)))
}

// fresh is an address from which nothing is touched, and room bytes are
// mapped. Where the next multiple of 4 MB is too near, one object takes the
// rest, which makes the runtime map what follows.
func fresh(room uintptr) uintptr {
	object = make([]byte, 28<<10) // a size that nothing else has
	at := address(object)
	if left := end(at) - at; left < room {
		object = make([]byte, left)
		at = address(object) + left
	}
	return at
}

// object keeps what fresh makes from being put on the stack.
var object []byte

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func end(at uintptr) uintptr { return at&^(mapped-1) + mapped }

// populate has the kernel map pages, which changes nothing that a program
// could see (madvise(2), MADV_POPULATE_WRITE). Pages have 64 kB at most.
func populate(from, to uintptr) {
	from &^= 64<<10 - 1
	madvise(from, to-from, 23)
}

// madvise is the system call. Its result does not matter.
func madvise(addr, length, advice uintptr)
