package stop

import "time"

// A Do is one thing for the driver to do.
type Do struct {
	Act    Act
	Signal int           // of Send
	For    time.Duration // of Wait; Never is without limit
}

func wait(d time.Duration) Do { return Do{Act: Wait, For: d} }

// An Act is what a driver can do.
type Act uint8

// The acts.
const (
	Send Act = iota // Signal to the init
	Kill            // SIGKILL to every process of the container
	Thaw            // the cgroup
	Name            // find out who is left and why, for the report
	Wait            // for a change, For at the most; it replaces an earlier Wait
)
