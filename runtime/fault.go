//go:build !faults

package runtime

// fault is a place where the fault tests kill minirun; it is nothing otherwise.
func fault(string) {}
