package warm

// entry is where the kernel starts minirun when it is linked with
// -E minirun/runtime/warm.entry: it has the kernel map the data segment, of
// which the Go runtime's start touches half, and goes on to that.
func entry()

var _ = entry
