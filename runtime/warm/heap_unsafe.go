package warm

import "unsafe"

// The Go runtime gives out its heap upwards, to each P in pieces of 512 kB
// (runtime.pageCache), and maps it 4 MB at a time.
const (
	piece  = 512 << 10
	mapped = 4 << 20
	huge   = 2 << 20 // a page of the next size, where pages have 4 kB
)

// Advice of madvise(2).
const (
	hugepage      = 14
	populateWrite = 23
)

// What any verb touches lies behind a fresh object that has a span of its own.
func init() {
	Stack()
	object = make([]byte, 28<<10) // a size that nothing else has
	at := address(object)
	populate(at, min(at+piece/2, at&^(mapped-1)+mapped))
}

// Plan is for verbs that compile and assemble a plan, which takes 1.5 MB of
// heap: one huge page, made and freed at once, or as many small ones where an
// administrator wants no huge ones. MADV_COLLAPSE would make one of what is
// there already, but it waits for every CPU (lru_add_drain_all, mm/swap.c), and
// so for ever where a real-time task holds one.
func Plan() {
	at := skip()
	madvise(at, huge, hugepage)
	populate(at, at+huge)
}

// skip gives the heap out up to a multiple of 2 MB, and is that. None of it is
// touched. What the P has left of its piece goes first, page by page.
func skip() uintptr {
	const page = 8 << 10 // of the Go runtime
	for {
		object = make([]byte, page)
		if (address(object)+page)%piece == 0 {
			break
		}
	}
	object = make([]byte, piece/2) // too much for a piece: this is where the heap ends
	to := address(object) + piece/2
	if rest := -to % huge; rest > 0 {
		object = make([]byte, rest)
		to += rest
	}
	object = make([]byte, page) // what follows is mapped now, if it was not
	return to
}

// object keeps what is made here from being put on the stack.
var object []byte

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// populate has the kernel map pages, which changes nothing that a program
// could see (madvise(2), MADV_POPULATE_WRITE). Pages have 64 kB at most.
func populate(from, to uintptr) {
	from &^= 64<<10 - 1
	madvise(from, to-from, populateWrite)
}

// madvise is the system call. Its result does not matter.
func madvise(addr, length, advice uintptr)
