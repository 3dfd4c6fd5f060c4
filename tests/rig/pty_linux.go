package rig

import (
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A Terminal is the test's end of a pseudo-terminal, and what was read from it.
type Terminal struct {
	Master *os.File

	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
}

// Attach reads a pty's master in the background until it hangs up.
func (r *Rig) Attach(master *os.File) *Terminal {
	t := &Terminal{Master: master, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			t.mu.Lock()
			t.text.Write(buf[:n])
			t.mu.Unlock()
			if err != nil { // EIO: no slave is open any more
				return
			}
		}
	}()
	r.Cleanup(func() { master.Close(); <-t.done })
	return t
}

// Pty opens a pseudo-terminal; the caller closes the slave.
func (r *Rig) Pty() (*Terminal, *os.File) {
	r.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		r.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		r.Fatal(err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		r.Fatal(errno)
	}
	return r.Attach(os.NewFile(uintptr(fd), "master")), os.NewFile(peer, "slave")
}

// Text is all that came so far.
func (t *Terminal) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Expect waits for a text.
func (t *Terminal) Expect(r *Rig, text string) {
	r.Helper()
	if !Eventually(func() bool { return strings.Contains(t.Text(), text) }) {
		r.Fatalf("no %q on the terminal, but %q", text, t.Text())
	}
}

// Type writes as a person would.
func (t *Terminal) Type(r *Rig, text string) {
	r.Helper()
	if _, err := t.Master.WriteString(text); err != nil {
		r.Fatal(err)
	}
}

// Resize sets the window's size; the foreground process group gets SIGWINCH.
func (t *Terminal) Resize(r *Rig, rows, cols uint16) {
	r.Helper()
	conn, err := t.Master.SyscallConn()
	if err == nil {
		conn.Control(func(fd uintptr) {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
		})
	}
	if err != nil {
		r.Fatal(err)
	}
}
