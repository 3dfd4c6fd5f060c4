package lab

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A cmdline is the command line of an OCI runtime, with a root of its own.
type cmdline struct {
	path string
	root string
	own  bool // it is minirun
}

// verbLimit is how long a verb may take; one that takes longer has hung.
const verbLimit = 30 * time.Second

// A call is a verb that has ended.
type call struct {
	code   int
	stderr string
	took   time.Duration
}

func (c call) must(verb string) error {
	if c.code == 0 {
		return nil
	}
	return fmt.Errorf("%s: exit code %d: %s", verb, c.code, strings.TrimSpace(c.stderr))
}

// first is the first line of what the verb said.
func (c call) first() string {
	line, _, _ := strings.Cut(strings.TrimSpace(c.stderr), "\n")
	return line
}

// do carries out a verb; a nil file is /dev/null. Standard error goes to a file: a container keeps that
// of its create, and a pipe would only end with it.
func (r *cmdline) do(stdin, stdout *os.File, args ...string) (call, error) {
	errs, err := os.CreateTemp(filepath.Dir(r.root), "stderr-")
	if err != nil {
		return call{}, err
	}
	defer errs.Close()
	defer os.Remove(errs.Name())
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return call{}, err
	}
	defer null.Close()
	begin := time.Now()
	p, err := os.StartProcess(r.path, append([]string{r.path, "--root", r.root}, args...), &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{cmp.Or(stdin, null), cmp.Or(stdout, null), errs},
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // ^C is for the lab, which cleans up
	})
	if err != nil {
		return call{}, fmt.Errorf("start %s: %w", r.path, err)
	}
	hung := time.AfterFunc(verbLimit, func() { p.Kill() })
	state, err := p.Wait()
	if !hung.Stop() {
		return call{}, fmt.Errorf("%s %s: no end after %v", r.path, args[0], verbLimit)
	}
	if err != nil {
		return call{}, fmt.Errorf("wait for %s: %w", r.path, err)
	}
	text, err := os.ReadFile(errs.Name())
	return call{code: exitCode(state), stderr: string(text), took: time.Since(begin)}, err
}

// exitCode is that of a shell.
func exitCode(state *os.ProcessState) int {
	if ws := state.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// adopt makes this process the parent of what its runtimes leave behind, as a
// container engine's shim is: the exit status of a container's init comes here.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	return nil
}

// unadopt undoes adopt.
func unadopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }

// reapAll reaps every child that has ended. No verb may be under way.
func reapAll() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err == unix.EINTR {
			continue
		} else if err != nil || pid <= 0 {
			return
		}
	}
}
