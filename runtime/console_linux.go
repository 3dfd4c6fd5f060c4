package runtime

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// dial connects to the AF_UNIX socket of an engine, through its directory's
// descriptor, because the path may be longer than sun_path.
func dial(path string) (int, error) {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	name := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + filepath.Base(path)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sendPidfd passes a pidfd as the master of a terminal is passed: one message,
// one descriptor.
func sendPidfd(path string, pidfd int) error {
	fd, err := dial(path)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendmsg(fd, []byte("pidfd"), unix.UnixRights(pidfd), nil, unix.MSG_NOSIGNAL)
}

// receiveMaster takes the terminal's master from the image, which has sent it
// before its program runs.
func receiveMaster(fd int) (*os.File, error) {
	var name [16]byte
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(fd, name[:], oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("receive the terminal: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("receive the terminal: %w", io.ErrUnexpectedEOF)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("receive the terminal: %d messages: %w", len(messages), unix.EBADMSG)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("receive the terminal: %d descriptors: %w", len(fds), unix.EBADMSG)
	}
	unix.SetNonblock(fds[0], true) // the master is ours alone; a read of it can then be called off
	return os.NewFile(uintptr(fds[0]), "ptmx"), nil
}

// A terminal connects the caller's terminal with the container's, in the foreground.
type terminal struct {
	master *os.File
	saved  *unix.Termios // of standard input, when that is a terminal
	output chan struct{} // closed when the container's output is through
}

// attach puts standard input in raw mode and copies both ways. close undoes it.
func attach(master *os.File) (*terminal, error) {
	t := &terminal{master: master, output: make(chan struct{})}
	if saved, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		raw := rawMode(*saved)
		if err := unix.IoctlSetTermios(0, unix.TCSETS, &raw); err != nil {
			return nil, fmt.Errorf("raw mode: %w", err)
		}
		t.saved = saved
	}
	t.resize()
	go func() {
		io.Copy(master, os.Stdin) // ends with the process: a read of a terminal cannot be called off
	}()
	go func() {
		io.Copy(os.Stdout, master) // ends with EIO when the last slave is closed
		close(t.output)
	}()
	return t, nil
}

// rawMode is cfmakeraw(3).
func rawMode(t unix.Termios) unix.Termios {
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return t
}

// callersSize is the size of the caller's terminal, nil without one.
func callersSize() *specs.Box {
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 && size.Col == 0 {
		return nil
	}
	return &specs.Box{Height: uint(size.Row), Width: uint(size.Col)}
}

// sized has the image give a terminal that will be connected with the caller's
// its size: it is right before the program looks.
func (b *birth) sized(p *specs.Process) {
	if p.Terminal && b.opts.terminalSize != nil {
		p.ConsoleSize = b.opts.terminalSize
	}
}

// resize gives the container's terminal the size of the caller's.
func (t *terminal) resize() {
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		if conn, err := t.master.SyscallConn(); err == nil { // Fd would make it blocking
			conn.Control(func(fd uintptr) { unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
		}
	}
}

// drain waits for the rest of the container's output. Where other processes
// can have the terminal open, for as long as they please, it takes what is
// there and what comes within a moment.
func (t *terminal) drain(shared bool) {
	const moment = 100 * time.Millisecond
	if shared {
		t.master.SetReadDeadline(time.Now().Add(moment))
	}
	<-t.output
	if shared {
		t.rest()
	}
}

// rest takes what a caller who reads slowly has left in the terminal when the
// moment is over: Go does not read after a deadline, whatever there is. What a
// process wrote that has ended is there at once (n_tty_read, tty_buffer_flush_work),
// and no more than most; the others may write on for ever.
func (t *terminal) rest() {
	const most = 64 << 10 // twice 8 kB and a line discipline's 4 kB, and room to spare (pty_common_install)
	conn, err := t.master.SyscallConn()
	if err != nil {
		return
	}
	conn.Control(func(fd uintptr) {
		buf := make([]byte, 4096)
		for left := most; left > 0; {
			n, err := unix.Read(int(fd), buf)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 { // EAGAIN: that was all; EIO: the last slave is closed
				return
			}
			os.Stdout.Write(buf[:n])
			left -= n
		}
	})
}

// restore gives the caller its terminal back.
func (t *terminal) restore() {
	if t.saved != nil {
		unix.IoctlSetTermios(0, unix.TCSETS, t.saved)
	}
	t.master.Close()
}
