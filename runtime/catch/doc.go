// Package catch takes signals from the kernel for a process that passes them
// on to another: each is one byte in a pipe, from the first instruction after
// All.
//
// os/signal does the same in 3 ms of processor time, a tenth of a container's
// start: it hands each of the 60 signals to a thread of its own and back. Here
// it is one rt_sigaction(2) each. The handler is a few instructions of its own
// on the signal stack that the Go runtime gives every thread, and touches
// nothing of the runtime's. What is the runtime's stays the runtime's: faults
// of this program's own code, SIGURG, by which it preempts, and SIGCHLD.
package catch
