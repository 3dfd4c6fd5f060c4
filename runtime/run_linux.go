package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"

	"minirun/runtime/catch"
)

// RunOptions are the flags of run.
type RunOptions struct {
	CreateOptions
	Detach      bool
	Keep        bool // leave the container's directory and cgroup behind
	NoSubreaper bool
	// DieWithParent ends the container when this process ends, however that
	// comes, or the one that has called it.
	DieWithParent bool
}

// Run makes a container and starts its program, in one plan without the wait.
// In the foreground it passes signals on, returns the program's exit code,
// 128+n for signal n, and removes the container.
func (rt *Runtime) Run(o RunOptions) (int, error) {
	fg := &foreground{}
	if !o.Detach {
		if err := fg.listen(); err != nil {
			return 0, err
		}
		defer fg.close()
	}
	if o.DieWithParent {
		if err := rt.bindToParent(o, fg); err != nil {
			return 0, err
		}
		o.CreateOptions.dieWithParent = true
	}
	if !o.Detach {
		o.CreateOptions.terminalSize = callersSize()
	}
	b, err := rt.conceive(o.CreateOptions, false)
	if err != nil {
		return 0, err
	}
	defer b.release()
	if err := b.openConsole(o, fg); err != nil {
		return 0, b.undo(err)
	}
	if err := b.dialListener(); err != nil {
		return 0, b.undo(err)
	}
	if !o.Detach && !o.NoSubreaper && !b.ownPidNS() {
		// The init's orphans come to us, not to the host's init.
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err := b.bear(); err != nil {
		return 0, b.undo(explainFork(err, b.group))
	}
	return rt.runBorn(b, o, fg)
}

// runBorn goes on when the program runs.
func (rt *Runtime) runBorn(b *birth, o RunOptions, fg *foreground) (int, error) {
	if err := fg.attach(); err != nil {
		return 0, b.undo(err)
	}
	defer fg.restore()
	if err := rt.runPoststart(&b.rec); err != nil {
		return 0, b.undo(err)
	}
	if err := b.announce(); err != nil {
		return 0, b.undo(err)
	}
	if o.Detach {
		b.lives = true
		return 0, nil
	}
	// The lock is for verbs, not for the container's whole life.
	if err := b.dir.unlock(); err != nil {
		return 0, err
	}
	b.told.Say("the program runs")
	status, err := fg.wait(b)
	b.told.Say("has reaped PID 1: " + statusText(status))
	if err == nil {
		err = rt.endRun(b, o.Keep, status)
	}
	return exitCode(status), err
}

// endRun removes a container whose init has ended and is reaped, or keeps it
// with its exit record. A delete may have been faster.
func (rt *Runtime) endRun(b *birth, keep bool, status unix.WaitStatus) error {
	err := b.dir.relock(b.opts.ID)
	switch {
	case err == ErrNotExist && rt.KeepExit:
		return rt.Store.keepExit(newExit(&b.rec, status, true, Intent{}, true))
	case err == ErrNotExist:
		return nil
	case err == nil && (keep || rt.KeepExit):
		err = b.dir.save(newExit(&b.rec, status, true, b.dir.intent(), true))
	}
	switch {
	case err != nil || keep:
		return err
	case b.ownPidNS(): // nothing is left of it, or wait would not have returned
		return rt.forget(b.dir, &initProc{r: &b.rec, pidfd: -1}, true)
	}
	return rt.destroy(b.dir, &b.rec)
}

// openConsole decides where the terminal goes: to the console socket of a
// caller, or to this process.
func (b *birth) openConsole(o RunOptions, fg *foreground) error {
	if o.Detach || o.ConsoleSocket != "" {
		return b.dialConsole()
	}
	if !b.facts.Console {
		return nil
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket pair for the terminal: %w", err)
	}
	b.console, fg.console = pair[0], pair[1]
	fg.terminal = true
	return nil
}

// foreground is what minirun does while a container runs in front of it.
type foreground struct {
	signals  int // a byte for each that has come: see package catch
	terminal bool
	console  int // our end of the socket that brings the master
	caller   int // pidfd of the process whose end is the container's; 0: none
	tty      *terminal
}

// listen begins to catch signals, before there is anything that somebody would
// have to remove. It is never undone: minirun ends with the container, and
// until then a signal must not cut the cleaning up short.
func (f *foreground) listen() (err error) {
	f.signals, err = catch.All()
	return err
}

func (f *foreground) close() {
	if f.terminal {
		unix.Close(f.console)
	}
	if f.caller != 0 {
		unix.Close(f.caller)
	}
}

func (f *foreground) attach() error {
	if !f.terminal {
		return nil
	}
	master, err := receiveMaster(f.console)
	if err != nil {
		return err
	}
	f.tty, err = attach(master)
	return err
}

func (f *foreground) restore() {
	if f.tty != nil {
		f.tty.restore()
	}
}

// wait passes signals on until the init has ended, and reaps it.
func (f *foreground) wait(b *birth) (unix.WaitStatus, error) {
	fds := append(readable(b.pidfd), readable(f.signals)...)
	if f.caller != 0 {
		fds = append(fds, readable(f.caller)...)
	}
	for fds[0].Revents == 0 {
		if err := poll(fds); err != nil {
			return 0, err
		}
		if fds[1].Revents != 0 {
			f.forward(b.pidfd)
		}
		if len(fds) > 2 && fds[2].Revents != 0 {
			unix.PidfdSendSignal(b.pidfd, unix.SIGKILL, nil, 0) // ESRCH: it has ended, and wait says so
			fds = fds[:2]
		}
	}
	status, err := b.reap()
	if f.tty != nil {
		f.tty.drain(!b.ownPidNS())
	}
	return status, err
}

// forward sends the init what minirun has been sent; SIGWINCH resizes.
func (f *foreground) forward(pidfd int) {
	var come [64]byte
	n, _ := unix.Read(f.signals, come[:]) // EAGAIN, EINTR: poll says when
	for _, sig := range come[:max(n, 0)] {
		switch sig := unix.Signal(sig); {
		case sig != unix.SIGWINCH:
			unix.PidfdSendSignal(pidfd, sig, nil, 0) // ESRCH: it has ended, and wait says so
		case f.tty != nil:
			f.tty.resize()
		}
	}
}
