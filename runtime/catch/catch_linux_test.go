package catch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What All does cannot be undone, so each test is played by a process of its
// own: the test binary, with CATCH_TEST_ROLE.
var roles = map[string]func() error{
	"every":   everySignal,
	"storm":   storm,
	"fault":   faults,
	"pipe":    brokenPipe,
	"forked":  forked,
	"blocked": inheritedBlocked,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv("CATCH_TEST_ROLE")]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(t *testing.T, role string, command ...string) {
	t.Helper()
	if command == nil {
		command = []string{exe(t)}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "CATCH_TEST_ROLE="+role)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", role, err, bytes.TrimSpace(out))
	}
}

func TestEverySignalIsCaughtOnce(t *testing.T)         { play(t, "every") }
func TestNoneIsLostBesideAllocationAndGC(t *testing.T) { play(t, "storm") }
func TestFaultsOfOurOwnStayPanics(t *testing.T)        { play(t, "fault") }
func TestABrokenPipeIsAnError(t *testing.T)            { play(t, "pipe") }
func TestChildrenStartWithDefaults(t *testing.T)       { play(t, "forked") }

// What has started minirun may have signals blocked, and execve keeps that.
func TestBlockedByTheCallerIsCaughtToo(t *testing.T) {
	play(t, "blocked", "env", "--block-signal=USR1", "--block-signal=RTMIN+3", exe(t))
}

func exe(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The handlers of the other architecture run under qemu's user mode, which
// keeps some real-time signals for itself and starts no program that is not
// of the host's architecture: so not every role can be played.
func TestHandlersOfTheOtherArchitecture(t *testing.T) {
	arch, qemu := "arm64", "qemu-aarch64-static"
	if runtime.GOARCH == arch {
		arch, qemu = "amd64", "qemu-x86_64-static"
	}
	if _, err := exec.LookPath(qemu); err != nil {
		t.Fatalf("%v; install it: apt-get install qemu-user-static", err)
	}
	binary := t.TempDir() + "/catch.test"
	build := exec.Command("go", "test", "-c", "-o", binary)
	build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, role := range []string{"storm", "fault", "pipe"} {
		play(t, role, qemu, binary)
	}
}

// come reads until n signals have come.
func come(fd, n int) ([]byte, error) {
	var all []byte
	for len(all) < n {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		if err == nil && ready == 0 {
			return all, fmt.Errorf("no signal in a minute, after %d", len(all))
		}
		buf := make([]byte, 4096)
		m, err := unix.Read(fd, buf)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, buf[:m]...)
	}
	return all, nil
}

func everySignal() error {
	fd, err := All()
	if err != nil {
		return err
	}
	var sent []byte
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if !caught(sig) {
			continue
		}
		sent = append(sent, byte(sig))
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			return err
		}
	}
	got, err := come(fd, len(sent))
	if err != nil {
		return err
	}
	slices.Sort(got) // other threads may take them
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("caught %v, sent %v", got, sent)
	}
	return nil
}

func inheritedBlocked() error {
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil { // pending from before
		return err
	}
	fd, err := All()
	if err != nil {
		return err
	}
	if err := unix.Kill(os.Getpid(), 37); err != nil {
		return err
	}
	got, err := come(fd, 2)
	if err != nil || !slices.Contains(got, byte(unix.SIGUSR1)) || !slices.Contains(got, 37) {
		return fmt.Errorf("caught %v: %w", got, err)
	}
	return nil
}

// storm queues real-time signals, which do not merge as long as there is room
// for them (RLIMIT_SIGPENDING), while goroutines allocate, grow their stacks and
// collect garbage.
func storm() error {
	const n, room = 20_000, 1000
	fd, err := All()
	if err != nil {
		return err
	}
	debug.SetGCPercent(10)
	stop := make(chan struct{})
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					grow(200)
				}
			}
		}()
	}
	var got []byte
	for len(got) < n && err == nil {
		for range room {
			if err := unix.Kill(os.Getpid(), 40); err != nil {
				return err
			}
		}
		var some []byte
		some, err = come(fd, room)
		got = append(got, some...)
	}
	close(stop)
	if err != nil || len(got) != n || len(bytes.Trim(got, "\x28")) > 0 {
		return fmt.Errorf("caught %d of %d: %w", len(got), n, err)
	}
	return nil
}

func grow(depth int) []byte {
	b := make([]byte, 256)
	if depth > 0 {
		b = append(b, grow(depth - 1)[:1]...)
	}
	return b
}

func faults() (err error) {
	fd, err := All()
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); !strings.Contains(fmt.Sprint(p), "nil pointer") {
			err = fmt.Errorf("recovered %v from a nil pointer", p)
		}
		if n, again := unix.Read(fd, make([]byte, 1)); again != unix.EAGAIN {
			err = fmt.Errorf("the fault was passed on too: read %d, %v", n, again)
		}
	}()
	var p *[4096]int
	return fmt.Errorf("read %d through nil", p[len(os.Args)])
}

func brokenPipe() error {
	if _, err := All(); err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.Close()
	if err := unix.Dup2(int(w.Fd()), 1); err != nil {
		return err
	}
	if _, err := os.Stdout.Write([]byte("x")); err == nil {
		return fmt.Errorf("the write succeeded")
	}
	return nil
}

// forked: a handler ends with execve, and none is left ignored.
func forked() error {
	if _, err := All(); err != nil {
		return err
	}
	status, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		set, ok := strings.CutPrefix(line, "Sig")
		name, text, _ := strings.Cut(set, ":\t")
		if mask, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64); ok && err == nil {
			for sig := unix.Signal(1); sig <= 64; sig++ {
				if caught(sig) && mask&(1<<(sig-1)) != 0 {
					return fmt.Errorf("a child has %d in Sig%s", sig, name)
				}
			}
		}
	}
	return nil
}

func TestWhatIsCaughtIsWhatRuncPassesOn(t *testing.T) {
	for sig, want := range map[unix.Signal]bool{
		unix.SIGHUP: true, unix.SIGTERM: true, unix.SIGSEGV: true, unix.SIGWINCH: true, unix.SIGTSTP: true, 35: true, 64: true,
		unix.SIGKILL: false, unix.SIGSTOP: false, unix.SIGCHLD: false, unix.SIGURG: false, 32: false, 33: false, 65: false, 0: false,
	} {
		if caught(sig) != want {
			t.Errorf("caught(%d) = %v", sig, !want)
		}
	}
}
