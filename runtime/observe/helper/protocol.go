// Package helper is the eBPF source as minirun sees it: it starts
// minirun-observe, which loads the programs, and reads the events from a pipe.
// minirun itself links nothing of eBPF, and starts no slower for it.
//
// The conversation is this. minirun-observe writes records (observe.AppendWire)
// to its standard output and reads lines from its standard input:
//
//	minirun-observe --level L [--expect PID] [--namespace INODE]
//	  → a Mark in state Attached, or one in state Failed and the end
//	watch INODE
//	  → a Mark in state Watching; events from then on
//	end of its input
//	  → the events until then, a Mark in state Ended, and the end
//
// Events that found no room are told by Lost records among the others.
package helper

// Program is the name of the executable.
const Program = "minirun-observe"

// The states of the Marks by which minirun-observe speaks of itself. They are
// not events of the container.
const (
	Attached = 'A' // whatever a container does from now on is seen
	Watching = 'W' // the namespace of the last watch is watched
	Failed   = 'F' // in Text why, in one line, and in Status the errno
	Ended    = 'E' // nothing follows
)

// Watch is the command that sets the namespace, with its inode.
const Watch = "watch "
