// Package warm has a process touch the memory of its start in a few steps.
//
// A verb lives for some milliseconds, of which the Go runtime's start is half
// and page faults are half of that. So this package is initialised early: it
// imports nothing and is therefore among the first (spec, Package
// initialization; cmd/link sorts by path). It has the main goroutine's stack
// grow once, while there is next to nothing on it to copy, and the kernel map
// the heap that every verb is about to touch, in one call; Plan does so for
// the verbs that compile a plan. A linker that is told to (make build does)
// begins the process here, with its code and its data segment.
//
// Nothing of this can be seen by the program but its speed. Where something
// goes wrong, or the kernel is older than Linux 5.14, there are page faults.
package warm
