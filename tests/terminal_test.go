package tests

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func terminal(s *specs.Spec) { s.Process.Terminal = true }

func consoleSize(rows, cols uint) rig.Mod {
	return func(s *specs.Spec) { s.Process.ConsoleSize = &specs.Box{Height: rows, Width: cols} }
}

const whatTerminal = `tty; test -t 0 && test -t 1 && test -t 2 && echo alltty; stty size; ls -l /dev/console; ` +
	`cat /proc/self/stat | { read -r a b c d e f tty rest; echo ctty=$tty; }`

func TestConsoleSocketGetsOneMaster(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal, consoleSize(33, 99), rig.Sh(whatTerminal+"; echo end"))
	sock, wait := r.Receive("console.sock")
	c.MustCreate("--console-socket", sock)
	h := wait()
	term := r.Attach(nonblocking(t, h.File))
	c.MustStart()
	term.Expect(r, "end")
	for _, want := range []string{"/dev/pts/0", "alltty", "33 99"} {
		if !strings.Contains(term.Text(), want) {
			t.Errorf("no %q in %q", want, term.Text())
		}
	}
	if strings.Contains(term.Text(), "ctty=0") {
		t.Error("the terminal is not the controlling one")
	}
	c.WaitStopped()
	c.MustDelete()
}

// nonblocking reopens a received descriptor so that Close ends a Read.
func nonblocking(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), "master")
}

func TestDetachedRunWithConsoleSocket(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal, rig.Sh("echo from inside; sleep 1000"))
	sock, wait := r.Receive("console.sock")
	r.OK("run", "-d", "--console-socket", sock, "--bundle", c.Bundle, c.ID)
	r.Attach(nonblocking(t, wait().File)).Expect(r, "from inside")
}

func TestTerminalNeedsItsSocket(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal)
	check(t, c.Create(), outcome{1, "without setting console socket"}, r.Runtime.Kind)
	r.Finding(rig.Crun, "accepts a console socket without terminal")
	c = r.Container()
	sock, _ := r.Receive("console.sock")
	check(t, c.Create("--console-socket", sock), outcome{1, "cannot use console socket"}, r.Runtime.Kind)
	c.Edit(terminal)
	if x := c.Create("--console-socket", r.Path("nobody listens")); x.Code == 0 {
		t.Error("create succeeded though nobody listens")
	}
	if c.Exists() {
		t.Error("the failed create left its state")
	}
}

// onTerminal starts `run` with a pty of the test for its stdin, stdout and
// stderr, as a session of its own so that the pty is its terminal.
func onTerminal(r *rig.Rig, c *rig.Container) (*rig.Terminal, *os.File, *rig.Call) {
	r.Helper()
	term, slave := r.Pty()
	term.Resize(r, 21, 77)
	call := r.Spawn([]string{"run", "--bundle", c.Bundle, c.ID}, rig.Stdio(slave, slave, slave), func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	})
	r.Cleanup(func() { slave.Close() })
	return term, slave, call
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *tio
}

func TestForegroundTerminal(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 neither takes over nor follows the window's size")
	c := r.Container(terminal, rig.Sh(`trap 'echo size $(stty size)' WINCH; `+whatTerminal+
		`; echo ready; while :; do read -r line && break; done; echo "line=$line"; exit 12`))
	term, slave, call := onTerminal(r, c)
	cooked := termios(t, slave)
	term.Expect(r, "ready")
	for _, want := range []string{"/dev/pts/0", "alltty", "21 77"} {
		if !strings.Contains(term.Text(), want) {
			t.Errorf("no %q in %q", want, term.Text())
		}
	}
	if raw := termios(t, slave); raw.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Errorf("the caller's terminal is not raw: lflag %#x", raw.Lflag)
	}
	term.Resize(r, 40, 120)
	term.Expect(r, "size 40 120")
	term.Type(r, "hello\n")
	term.Expect(r, "line=hello")
	if x := call.Wait(); x.Code != 12 {
		t.Errorf("code %d, not 12", x.Code)
	}
	if after := termios(t, slave); after != cooked {
		t.Errorf("the terminal is left as %+v, and was %+v", after, cooked)
	}
}

// ^C is a character to a raw terminal, and the signal is made inside.
func TestInterruptCharacterGoesInside(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal, rig.Sh(`trap "echo interrupted; exit 4" INT; echo ready; while :; do sleep 0.05; done`))
	term, _, call := onTerminal(r, c)
	term.Expect(r, "ready")
	term.Type(r, "\x03")
	if x := call.Wait(); x.Code != 4 {
		t.Errorf("code %d, not 4: %s", x.Code, term.Text())
	}
}

// The terminal is restored whatever happens.
func TestTerminalIsRestored(t *testing.T) {
	for name, end := range map[string]func(*rig.Container, *rig.Call){
		"container killed":  func(c *rig.Container, _ *rig.Call) { c.Kill("KILL") },
		"container deleted": func(c *rig.Container, _ *rig.Call) { c.Delete("--force") },
		"runtime gets TERM": func(_ *rig.Container, call *rig.Call) { call.Signal(unix.SIGTERM) },
		"runtime gets HUP":  func(_ *rig.Container, call *rig.Call) { call.Signal(unix.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container(terminal, rig.Sh(`trap "exit 1" TERM HUP; echo ready; while :; do sleep 0.05; done`))
			term, slave, call := onTerminal(r, c)
			cooked := termios(t, slave)
			term.Expect(r, "ready")
			end(c, call)
			if x := call.Wait(); x.Code == 0 {
				t.Error("code 0")
			}
			if after := termios(t, slave); after != cooked {
				t.Errorf("the terminal is left as %+v, and was %+v", after, cooked)
			}
		})
	}
}

// A create that fails has not touched the terminal.
func TestTerminalIsRestoredAfterAFailure(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal, rig.Args("/no/such/program"))
	_, slave, call := onTerminal(r, c)
	cooked := termios(t, slave)
	if x := call.Wait(); x.Code == 0 {
		t.Error("code 0")
	}
	if after := termios(t, slave); after.Lflag != cooked.Lflag || after.Iflag != cooked.Iflag {
		t.Errorf("the terminal is left as %+v, and was %+v", after, cooked)
	}
}

// Everything that the program wrote reaches the caller, also when it ends at once.
func TestTerminalOutputIsComplete(t *testing.T) {
	r := rig.New(t)
	c := r.Container(terminal, rig.Sh(`seq 1 20000; echo last`))
	term, _, call := onTerminal(r, c)
	if x := call.Wait(); x.Code != 0 {
		t.Errorf("code %d", x.Code)
	}
	term.Expect(r, "last")
	if n := strings.Count(term.Text(), "\n"); n != 20001 {
		t.Errorf("%d lines, not 20001", n)
	}
}
