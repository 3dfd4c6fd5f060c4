package rig

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Handover is what came over a console or pidfd socket.
type Handover struct {
	Payload []byte
	File    *os.File
	err     error
}

// Receive listens on a socket for what an engine expects there: one message
// with at least one byte and exactly one descriptor.
func (r *Rig) Receive(name string) (path string, wait func() Handover) {
	r.Helper()
	path = r.Path(name)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { l.Close() })
	l.SetDeadline(time.Now().Add(Deadline))
	got := make(chan Handover, 1)
	go func() {
		defer l.Close()
		conn, err := l.AcceptUnix()
		if err != nil {
			got <- Handover{err: err}
			return
		}
		defer conn.Close()
		got <- receive(conn)
	}()
	return path, func() Handover {
		r.Helper()
		h := <-got
		if h.err != nil {
			r.Fatalf("receive on %s: %v", name, h.err)
		}
		return h
	}
}

// receive reads one message and the end of the stream after it.
func receive(conn *net.UnixConn) Handover {
	payload, oob := make([]byte, 4096), make([]byte, 4096)
	n, oobn, flags, _, err := conn.ReadMsgUnix(payload, oob)
	if err != nil {
		return Handover{err: err}
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return Handover{err: err}
	}
	var fds []int
	for _, m := range msgs {
		more, err := unix.ParseUnixRights(&m)
		if err != nil {
			return Handover{err: err}
		}
		fds = append(fds, more...)
	}
	if n < 1 || len(msgs) != 1 || len(fds) != 1 || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		return Handover{err: fmt.Errorf("%d bytes, %d control messages, %d descriptors, flags %#x", n, len(msgs), len(fds), flags)}
	}
	unix.CloseOnExec(fds[0])
	if n, _, _, _, _ := conn.ReadMsgUnix(payload[n:], oob); n > 0 {
		return Handover{err: fmt.Errorf("a second message of %d bytes", n)}
	}
	return Handover{Payload: payload[:n], File: os.NewFile(uintptr(fds[0]), "received")}
}
