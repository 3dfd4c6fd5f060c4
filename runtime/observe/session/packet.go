package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"minirun/runtime/observe"
)

// The kinds of packets: their first byte.
const (
	saysEvent  = 'e' // verb: a record of package observe
	saysWatch  = 'w' // verb: attach to this container
	saysReady  = 'r' // observer: attached; a line for each better source that was not available
	saysFailed = 'x' // observer: why not, or why the timeline could not be written
)

// packetMost is more than any packet has.
const packetMost = 8 << 10

// A Target is a container to watch, as a verb knows it.
type Target struct {
	Dir     string   // where the container is kept
	Pid     int      // of its init
	Cgroups []string // directories, one a hierarchy
	Running bool     // it has processes that began before
	PidNS   uint64   // inode of its PID namespace, for who may not look at that; 0: not known
}

func (t *Target) packet() []byte {
	running := "0"
	if t.Running {
		running = "1"
	}
	lines := append([]string{t.Dir, strconv.Itoa(t.Pid), running, strconv.FormatUint(t.PidNS, 10)}, t.Cgroups...)
	return append([]byte{saysWatch}, strings.Join(lines, "\x00")...)
}

func parseTarget(packet []byte) (t Target, err error) {
	if len(packet) == 0 || packet[0] != saysWatch {
		return t, errors.New("no target")
	}
	f := strings.Split(string(packet[1:]), "\x00")
	if len(f) < 4 {
		return t, errors.New("read target: too short")
	}
	t.Dir, t.Running, t.Cgroups = f[0], f[2] == "1", f[4:]
	if t.Pid, err = strconv.Atoi(f[1]); err != nil || t.Pid <= 0 {
		return t, fmt.Errorf("read target: %q is no pid", f[1])
	}
	if t.PidNS, err = strconv.ParseUint(f[3], 10, 64); err != nil {
		return t, fmt.Errorf("read target: %q is no inode", f[3])
	}
	return t, nil
}

func eventPacket(e *observe.Event) []byte {
	return observe.AppendWire([]byte{saysEvent}, e)
}

func parseEvent(packet []byte) (observe.Event, error) {
	e, size, err := observe.DecodeWire(packet[1:])
	if err == nil && size != len(packet)-1 {
		err = fmt.Errorf("read event: %d bytes of %d", size, len(packet)-1)
	}
	return e, err
}
