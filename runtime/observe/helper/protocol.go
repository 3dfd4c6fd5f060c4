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
//	sync
//	  → a Mark in state Told, soon
//	end of its input
//	  → the events until then, a Mark in state Ended, and the end
//
// Events that found no room are told by Lost records among the others. Every so
// often a Mark in state Told says how far the account has come.
package helper

// Program is the name of the executable.
const Program = "minirun-observe"

// The states of the Marks by which minirun-observe speaks of itself. They are
// not events of the container.
const (
	Attached = 'A' // whatever a container does from now on is seen
	Watching = 'W' // the namespace of the last watch is watched
	Failed   = 'F' // in Text why, in one line, and in Status the errno
	Told     = 'T' // no event that is older than this Mark's time follows
	Ended    = 'E' // nothing follows
)

// Watch is the command that sets the namespace, with its inode.
const Watch = "watch "

// Sync is the command that asks for a Mark in state Told.
const Sync = "sync"
