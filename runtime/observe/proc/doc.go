// Package proc is the source of events that every user has: pidfds, which tell
// the end of a process and its reaping, and /proc, which tells who is there. It
// sees no signal; what becomes of those that minirun sends is predicted, and
// marked so. It learns of a new process when something else makes it look, for
// there is nothing to wait on.
//
// It also answers, for the other sources, who a process is: Namespace.
package proc
