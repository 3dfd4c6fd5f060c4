package warm

// entry is where the kernel starts minirun when it is linked with
// -E minirun/runtime/warm.entry: it has the kernel map the data segment, of
// which the Go runtime's start touches half, and the code and its constants,
// of which a verb uses some in most pieces of 64 kB, has the runtime call
// mmap, and goes on to that.
func entry()

// mmap is mmap(2) for the Go runtime, called as C's is, for good: the runtime
// reads _cgo_mmap twice for a call, and other threads may be between the two.
// It looks at the length alone. The first piece of the heap
// (runtime.pallocChunkBytes) is to begin with a huge page; of a chunk for what
// is never freed (runtime.persistentChunkSize) any verb touches a quarter.
func mmap()

// heap is where the first piece of the heap lies.
var heap uintptr

var _, _, _ = entry, mmap, heap
