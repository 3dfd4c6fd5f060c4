package runtime

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"minirun/bundles"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hooksFile keeps config.json in the container's directory when it has hooks
// for later verbs: what the bundle says after create does not count.
const hooksFile = "config.json"

// runtimeHooks runs prestart and createRuntime hooks in minirun's namespaces.
func (b *birth) runtimeHooks() error {
	h := b.bundle.Spec.Hooks
	// Before there was createRuntime, prestart belonged to start, and its state says so.
	//lint:ignore SA1019 deprecated, and docker uses it
	if err := runHooks("prestart", h.Prestart, b.bundle.Dir, b.hookState(Created, b.pid)); err != nil {
		return err
	}
	return runHooks("createRuntime", h.CreateRuntime, b.bundle.Dir, b.hookState(Creating, b.pid))
}

// keepHooks saves what poststart and poststop will need.
func (b *birth) keepHooks() error {
	h := b.bundle.Spec.Hooks
	if h == nil || len(h.Poststart)+len(h.Poststop) == 0 {
		return nil
	}
	text, err := os.ReadFile(b.bundle.Dir + "/config.json")
	if err != nil {
		return err
	}
	return writeFileAt(b.dir.fd, hooksFile, text)
}

// laterHooks are the hooks that keepHooks saved.
func (s Store) laterHooks(id string) (*specs.Hooks, error) {
	path := s.dir(id) + "/" + hooksFile
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err == unix.ENOENT {
		return &specs.Hooks{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	spec, err := bundles.Decode(text)
	if err != nil {
		return nil, err
	}
	return spec.Hooks, nil
}

// runPoststart runs the hooks that follow the start of the program. One that
// fails stops the container (runtime-spec 1.3, lifecycle).
func (rt *Runtime) runPoststart(r *Record) error {
	h, err := rt.Store.laterHooks(r.ID)
	if err != nil {
		return err
	}
	return runHooks("poststart", h.Poststart, r.Bundle, hookStateOf(r, Running, r.Pid))
}

// runPoststop runs the hooks that follow the end of a container. All of them
// run, whatever becomes of the one before; what fails is for the log.
func (rt *Runtime) runPoststop(r *Record) error {
	h, err := rt.Store.laterHooks(r.ID)
	if err != nil {
		return err
	}
	var errs []error
	state := hookStateOf(r, Stopped, 0)
	for i := range h.Poststop {
		if err := runHook("poststop", i, h.Poststop[i], r.Bundle, state); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// hookState is the state that hooks read on standard input, with the pid as
// the hook's PID namespace counts.
func (b *birth) hookState(s Status, pid int) []byte { return hookStateOf(&b.rec, s, pid) }

func hookStateOf(r *Record, s Status, pid int) []byte {
	state := newState(r, s)
	state.Pid = pid
	return state.JSON()
}

// stateFile makes a memfd for the state that hooks inside the container read.
// Its contents follow when the pid is known.
func (b *birth) stateFile(role nsinit.Role) (int, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("memfd for the state: %w", err)
	}
	if b.states == nil {
		b.states = make(map[nsinit.Role]int)
	}
	b.states[role] = fd
	return fd, nil
}

// fillStates writes what hooks inside the container read, and seals it.
func (b *birth) fillStates() error {
	if len(b.states) == 0 {
		return nil
	}
	pid, err := innerPid(b.pid)
	if err != nil {
		return err
	}
	for role, fd := range b.states {
		status := Creating
		if role == nsinit.RoleCreated {
			status = Created
		}
		if _, err := unix.Pwrite(fd, b.hookState(status, pid), 0); err != nil {
			return fmt.Errorf("write the state: %w", err)
		}
		const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			return fmt.Errorf("seal the state: %w", err)
		}
	}
	return nil
}

// innerPid is the pid of a process in its own PID namespace: the last of
// NSpid in proc_pid_status(5).
func innerPid(pid int) (int, error) {
	text, err := readFileAt(unix.AT_FDCWD, procPath(pid)+"/status")
	if err != nil {
		return 0, fmt.Errorf("read %s/status: %w", procPath(pid), err)
	}
	_, rest, found := strings.Cut(string(text), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	fields := strings.Fields(line)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("%s/status has no NSpid", procPath(pid))
	}
	var n int
	_, err = fmt.Sscan(fields[len(fields)-1], &n)
	return n, err
}

func runHooks(kind string, hooks []specs.Hook, dir string, state []byte) error {
	for i := range hooks {
		if err := runHook(kind, i, hooks[i], dir, state); err != nil {
			return err
		}
	}
	return nil
}

// runHook runs one hook in minirun's namespaces, in the bundle, with the state
// on standard input. Its output matters only when it fails.
func runHook(kind string, i int, h specs.Hook, dir string, state []byte) error {
	if err := execHook(h, dir, state); err != nil {
		return fmt.Errorf("hooks.%s[%d] %s: %w", kind, i, h.Path, err)
	}
	return nil
}

func execHook(h specs.Hook, dir string, state []byte) error {
	stdin, err := memfile("state", state)
	if err != nil {
		return err
	}
	defer unix.Close(stdin)
	output, err := memfile("output", nil)
	if err != nil {
		return err
	}
	defer unix.Close(output)
	args := h.Args
	if len(args) == 0 {
		args = []string{h.Path}
	}
	pidfd := -1
	pid, err := syscall.ForkExec(h.Path, args, &syscall.ProcAttr{Dir: dir, Env: h.Env,
		Files: []uintptr{uintptr(stdin), uintptr(output), uintptr(output)}, Sys: &syscall.SysProcAttr{PidFD: &pidfd}})
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	return awaitHook(h, pid, pidfd, output)
}

func awaitHook(h specs.Hook, pid, pidfd, output int) error {
	inTime := true
	if h.Timeout != nil {
		var err error
		if inTime, err = pollUntil(readable(pidfd), time.Now().Add(time.Duration(*h.Timeout)*time.Second)); err != nil {
			return err
		}
		if !inTime {
			unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		}
	}
	status, err := reap(pid)
	switch {
	case err != nil:
		return err
	case !inTime:
		return fmt.Errorf("no end within its timeout of %d s: %w", *h.Timeout, unix.ETIMEDOUT)
	case status == 0:
		return nil
	}
	return errors.New(statusText(status) + tail(output))
}

// tail is the end of what a hook printed, on one line.
func tail(fd int) string {
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil || size == 0 {
		return ""
	}
	buf := make([]byte, min(size, 1024))
	n, err := unix.Pread(fd, buf, size-int64(len(buf)))
	if err != nil {
		return ""
	}
	return ": " + strings.Join(strings.Fields(string(buf[:n])), " ")
}

func memfile(name string, text []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memfd: %w", err)
	}
	if len(text) == 0 {
		return fd, nil
	}
	if _, err := unix.Pwrite(fd, text, 0); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("write memfd: %w", err)
	}
	return fd, nil
}
