// Package warm has a process touch the memory of its start in a few steps.
//
// A verb lives for some milliseconds, of which the Go runtime's start is half,
// and the first touch of each page half of that: a page fault, and where a
// hypervisor shadows the page tables a second, of its own. So a linker that is
// told to (make build does) begins the process here, and not in the runtime.
// The kernel maps the code and the data segment, in a call each. What the
// runtime then asks the kernel for comes by here too, as it would by C's mmap
// in a program with cgo (runtime/cgo_mmap.go): the heap begins with one huge
// page, in which every verb has room until its end. And the main goroutine's
// stack grows once, while there is next to nothing on it to copy: this package
// imports nothing and is therefore initialised early.
//
// Nothing of this can be seen by the program but its speed. Where something
// goes wrong, the kernel is older than Linux 5.14, or an administrator wants
// no huge pages, there are more page faults. The page is asked for when there
// is nothing in it: khugepaged would come too late, and MADV_COLLAPSE waits
// for every CPU (lru_add_drain_all, mm/swap.c), for ever where a real-time
// task holds one.
package warm
