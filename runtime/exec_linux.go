package runtime

import (
	"cmp"
	"errors"
	"fmt"

	"minirun/nsinit"
	"minirun/runtime/observe/session"

	"golang.org/x/sys/unix"
)

// Exec starts a further process in a container. In the foreground it passes
// signals on and returns the process's exit code, 128+n for signal n; detached
// it returns as soon as the program runs, and the process is left to whoever
// adopts minirun's orphans. Either way somebody waits for it: an unreaped
// process whose parent is outside would hold up the end of the container's
// init for ever. Every error is an ExecError.
//
// It takes no lock: a process that hangs on its way must not keep delete from
// ending the container, and one that comes too late is refused by the kernel.
func (rt *Runtime) Exec(o ExecOptions) (int, error) {
	code, err := rt.exec(o)
	if err != nil {
		return 0, &ExecError{err}
	}
	return code, nil
}

func (rt *Runtime) exec(o ExecOptions) (int, error) {
	observer, err := rt.observeExec(o)
	if err != nil {
		return 0, err
	}
	x, err := rt.approach(o)
	if err != nil {
		rt.finished(observer)
		return 0, err
	}
	x.observer = observer
	defer x.release()
	if err := rt.observeVerb(observer, x.init); err != nil {
		return 0, err
	}
	rt.observed(x.init, "exec")
	fg := &foreground{}
	if !o.Detach {
		if err := fg.listen(); err != nil {
			return 0, err
		}
		defer fg.close()
	}
	if err := x.openConsole(RunOptions{CreateOptions: x.opts, Detach: o.Detach}, fg); err != nil {
		return 0, err
	}
	if err := x.dialListener(); err != nil {
		return 0, err
	}
	if err := x.bear(); err != nil {
		return 0, x.undo(err)
	}
	return x.born(fg)
}

// An execution is the birth of a further process. What it has in common with
// that of a container is the birth's.
type execution struct {
	birth
	o ExecOptions
}

func (x *execution) release() {
	x.birth.release()
	x.init.close()
	x.unobserve()
}

// observeExec starts the observer, if one is asked for.
func (rt *Runtime) observeExec(o ExecOptions) (*session.Observer, error) {
	if o.Observe == "" {
		return nil, nil
	}
	return rt.startObserver(o.Observe, o.ID, !o.Detach)
}

// bear starts the image and sees the process to its execve.
func (x *execution) bear() error {
	if err := x.checkRoom(); err != nil {
		return err
	}
	image, err := nsinit.Assemble(x.plan)
	if err != nil {
		return err
	}
	if x.image, err = image.Memfd("minirun-exec", x.rt.Store.dir(x.o.ID)); err != nil {
		return err
	}
	files, err := x.files()
	if err != nil {
		return err
	}
	if err := x.start(files, -1); err != nil {
		return err
	}
	if err := x.awaitStage(); err != nil {
		return err
	}
	x.init.told.Say(fmt.Sprintf("exec: the stage has joined by setns and cloned %d, for %s", x.pid, x.bundle.Spec.Process.Args[0]))
	for _, step := range []func() error{x.enterGroup, x.watch, x.recheck, x.proceed, x.serve, x.executed} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// enterGroup moves the process where its clone did not place it.
func (x *execution) enterGroup() error {
	if r := x.init.r; r.Resctrl != "" {
		if err := enterResctrl(r.Resctrl, r.ResctrlMonitor, x.pid); err != nil {
			return fmt.Errorf("linux.intelRdt: %w", err)
		}
	}
	if x.inGroup {
		return nil
	}
	return x.group.Join(x.pid)
}

// watch lets the wait for the image's reports end when a pause stops the
// image on its way to the execve: the reports would come after resume. A pause
// holds the lock, and closes the container's directory when all is frozen.
func (x *execution) watch() error {
	if x.o.IgnorePaused {
		return nil
	}
	closes, err := watchCloses(x.rt.Store.dir(x.o.ID))
	if err != nil { // of inotify descriptors a user has 128; without one it waits for resume
		return notExist(ignore(err, unix.EMFILE, unix.ENFILE, unix.ENOSPC))
	}
	x.theirs = append(x.theirs, closes) // closed with the rest
	x.attend = func() error { return x.unlessPaused(closes) }
	return nil
}

// unlessPaused returns when there is a report to read, or with an error when
// the container is frozen.
func (x *execution) unlessPaused(closes int) error {
	for {
		fds := append(readable(x.report), readable(closes)...)
		if err := poll(fds); err != nil || fds[0].Revents != 0 {
			return err
		}
		var events [4096]byte
		unix.Read(closes, events[:]) // what they say is looked up
		if frozen, err := isFrozen(x.init.r); err != nil || frozen {
			return cmp.Or(err, ErrExecPaused)
		}
	}
}

// recheck looks at the container once more, now that the process is in its
// cgroup: a delete or pause that came meanwhile has either seen the process
// there, or is seen here.
func (x *execution) recheck() error {
	if err := x.init.checkEnded(); err != nil {
		return err
	}
	return x.permitted()
}

// executed tells the end of the reports by execve from that by a signal: the
// init may have died, and its PID namespace with it.
func (x *execution) executed() error {
	stat, err := readFileAt(unix.AT_FDCWD, procPath(x.pid)+"/stat")
	if err != nil {
		return fmt.Errorf("read %s/stat: %w", procPath(x.pid), err)
	}
	if !neverExecuted(string(stat)) {
		return nil
	}
	status, err := x.reap()
	if err != nil {
		return err
	}
	return fmt.Errorf("the process was ended before it could execute %q: %s", x.bundle.Spec.Process.Args[0], statusText(status))
}

// born goes on when the program runs.
func (x *execution) born(fg *foreground) (int, error) {
	if err := fg.attach(); err != nil {
		return 0, x.undo(err)
	}
	defer fg.restore()
	if err := x.announce(); err != nil {
		return 0, x.undo(err)
	}
	if x.o.Detach {
		x.lives = true
		return 0, nil
	}
	status, err := fg.wait(&x.birth)
	x.init.told.Say(fmt.Sprintf("exec: has reaped %d: %s", x.pid, statusText(status)))
	return exitCode(status), err
}

// undo ends a process that is not to be, and words why. One that is frozen
// along with the container takes its SIGKILL when that thaws: it cannot be
// waited for here, and goes to whoever adopts minirun's orphans.
func (x *execution) undo(cause error) error {
	cause = x.explain(cause)
	if x.pid == 0 {
		return cause
	}
	if frozen, err := isFrozen(x.init.r); frozen && err == nil {
		return errors.Join(cause, ignore(unix.PidfdSendSignal(x.pidfd, unix.SIGKILL, nil, 0), unix.ESRCH))
	}
	return errors.Join(cause, x.end())
}

// delayers names the processes that an init waits for which is exiting, or none.
func delayers(r *Record) string {
	list := causes(blockers(r), r.Pid)
	if len(list) == 0 || list[0].Pid == r.Pid {
		return ""
	}
	return blockersText(list, r.Pid)
}

// explain finds the reason that the user can do something about: first that
// the container has ended meanwhile, whatever failed because of that.
func (x *execution) explain(err error) error {
	_, gone := x.init.joins()
	if x.init.checkEnded(); x.init.seen.Ended {
		return ErrExecStopped
	}
	var step *StepError
	isStep := errors.As(err, &step)
	switch {
	case gone == errGone, isStep && dying(step):
		return &DyingError{delayers(x.init.r)}
	case isStep && step.Forks && step.Errno == unix.EAGAIN:
		if stat, cause := x.group.PidsStat(); cause == nil && full(stat) {
			return &FullError{stat}
		}
	}
	return execWords(err, x.bundle.Spec.Process.Cwd)
}
