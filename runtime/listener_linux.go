package runtime

import (
	"encoding/binary"
	"fmt"
	"io"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// checkListener lets a create fail early: it is start that will connect to
// the agent, and a connection is for one state.
func (b *birth) checkListener() error {
	if !b.plan.Listener {
		return nil
	}
	path := b.bundle.Spec.Linux.Seccomp.ListenerPath
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		err = unix.ENOTSOCK
	}
	return listenerError(path, err)
}

// dialListener connects to the agent before anything is made, so that its
// absence is an error of then.
func (b *birth) dialListener() (err error) {
	if b.plan.Listener {
		path := b.bundle.Spec.Linux.Seccomp.ListenerPath
		b.agent, err = dial(path)
		err = listenerError(path, err)
	}
	return err
}

// dialAgent is dialListener for start; -1 where nothing listens.
func dialAgent(r *Record) (int, error) {
	if r.Listener == "" {
		return -1, nil
	}
	fd, err := dial(r.Listener)
	return fd, listenerError(r.Listener, err)
}

func closeAgent(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

func listenerError(path string, err error) error {
	if err != nil {
		return fmt.Errorf("linux.seccomp.listenerPath %s: %w", path, err)
	}
	return nil
}

// handOver passes the listener of the process that is being born on. An exec
// is of a container that runs; its state is that of the container.
func (b *birth) handOver(listener int) error {
	s := stateOfListener(&b.rec, Created, b.pid)
	if b.init != nil {
		s = stateOfListener(b.init.r, Running, b.pid)
		s.Metadata = b.bundle.Spec.Linux.Seccomp.ListenerMetadata
	}
	return passListener(b.agent, listener, s)
}

// passListener sends a state and the descriptor in one message and closes the
// connection and our copy: when the agent ends, calls that wait for it fail.
func passListener(agent, listener int, s *listenerState) error {
	defer unix.Close(listener)
	text, oob := s.JSON(), unix.UnixRights(listener)
	for len(text) > 0 {
		n, err := unix.SendmsgN(agent, text, oob, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("linux.seccomp.listenerPath: send the state: %w", err)
		}
		text, oob = text[n:], nil
	}
	return ignore(unix.Shutdown(agent, unix.SHUT_WR), unix.ENOTCONN)
}

// receiveReport is readReport for a socket: the descriptor is the one that
// came along, -1 for none.
func receiveReport(fd int) (*nsinit.Report, int, error) {
	var buf [8]byte
	oob := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf[:], oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && n == 0:
			return nil, -1, nil
		case err == nil && n != len(buf):
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, -1, fmt.Errorf("read the init's report: %w", err)
		}
		passed, err := passedDescriptor(oob[:oobn])
		return &nsinit.Report{
			Step:  binary.NativeEndian.Uint32(buf[:]),
			Value: int32(binary.NativeEndian.Uint32(buf[4:])),
		}, passed, err
	}
}

func passedDescriptor(oob []byte) (int, error) {
	if len(oob) == 0 {
		return -1, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("read the init's report: %d control messages: %w", len(messages), unix.EBADMSG)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("read the init's report: %d descriptors: %w", len(fds), unix.EBADMSG)
	}
	return fds[0], nil
}

// socketPair is a pipe that carries descriptors too.
func (b *birth) socketPair(ours *int) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket pair for reports: %w", err)
	}
	*ours = pair[0]
	return b.theirsIs(pair[1], nil)
}

// killableListeners asks the kernel for SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV:
// it looks at the flags before the filter, which is not there (EFAULT).
func killableListeners() bool {
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, 0)
	return errno == unix.EFAULT
}
