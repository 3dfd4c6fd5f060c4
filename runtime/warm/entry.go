package warm

// entry is where the kernel starts minirun when it is linked with
// -E minirun/runtime/warm.entry: it has the kernel map the data segment, of
// which the Go runtime's start touches half, and the code and its constants,
// of which a verb uses some in most pieces of 64 kB, and goes on to that.
func entry()

var _ = entry
