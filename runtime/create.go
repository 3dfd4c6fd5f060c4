package runtime

import (
	"fmt"
	"os"
	"time"

	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// CreateOptions are the flags of create.
type CreateOptions struct {
	ID            string
	BundleDir     string
	PidFile       string // decimal pid without a newline, written when all else is done
	ConsoleSocket string // AF_UNIX socket that takes the terminal's master
	PidfdSocket   string // AF_UNIX socket that takes a pidfd of the init
	NoPivot       bool
	NoNewKeyring  bool
	Init          InitOptions
	PreserveFDs   int    // descriptors 3 and up that the container keeps
	Observe       string // file for a timeline, written in the background: see Observe; empty: none

	dieWithParent bool       // RunOptions.DieWithParent
	terminalSize  *specs.Box // of the caller's terminal, if the container's is connected with it
}

// Create makes a container and leaves its init waiting for start. When it
// fails nothing is left: no process, cgroup, mount or directory.
func (rt *Runtime) Create(o CreateOptions) error {
	b, err := rt.conceive(o, true)
	if err != nil {
		return err
	}
	defer b.release()
	for _, step := range []func() error{b.dialConsole, b.checkListener, b.bear, b.settle} {
		if err := step(); err != nil {
			return b.undo(explainFork(err, b.group))
		}
	}
	b.lives = true
	return nil
}

// dialConsole connects to the engine that will take the terminal.
func (b *birth) dialConsole() error {
	if err := b.checkConsole(); err != nil || b.opts.ConsoleSocket == "" {
		return err
	}
	var err error
	if b.console, err = dial(b.opts.ConsoleSocket); err != nil {
		return fmt.Errorf("console socket %s: %w", b.opts.ConsoleSocket, err)
	}
	return nil
}

// checkConsole has runc's words for the two ways to get this wrong.
func (b *birth) checkConsole() error {
	switch terminal := b.bundle.Spec.Process.Terminal; {
	case terminal && b.opts.ConsoleSocket == "":
		return fmt.Errorf("cannot allocate tty if minirun will detach without setting console socket")
	case !terminal && b.opts.ConsoleSocket != "":
		return fmt.Errorf("cannot use console socket if minirun will not detach or allocate tty")
	}
	return nil
}

// settle makes a container known that is complete: its record, and for the
// caller its pidfd and last its pid file.
func (b *birth) settle() error {
	fault("ready")
	if err := b.record(false); err != nil {
		return err
	}
	fault("settled")
	return b.announce()
}

// announce gives the caller what it asked for: a pidfd and a pid file. It warns
// of what is lacking now that nothing failed: of more than one line an engine
// may take the first for the error.
func (b *birth) announce() error {
	if b.ungrouped != nil {
		b.rt.warn("the container has no cgroup: " + b.ungrouped.Error())
	}
	if path := b.opts.PidfdSocket; path != "" {
		if err := sendPidfd(path, b.pidfd); err != nil {
			return fmt.Errorf("pidfd socket %s: %w", path, err)
		}
	}
	if path := b.opts.PidFile; path != "" {
		if err := writePidFile(path, b.pid); err != nil {
			return fmt.Errorf("pid file %s: %w", path, err)
		}
	}
	return nil
}

// record writes state.json. While creating is set, whoever finds it without
// its lock knows that this create has died.
func (b *birth) record(creating bool) error {
	r := &b.rec
	r.Creating, r.Pid = creating, b.pid
	if b.pid != 0 {
		var err error
		if r.StartTime, err = StartTime(b.pid); err != nil {
			return err
		}
		if r.PidNS, err = pidNamespace(b.pid); err != nil {
			return err
		}
	}
	return b.dir.Write(*r)
}

// newRecord begins the record, and writes as much as is known before anything
// is made: whatever happens to minirun, the next delete finds the cgroup, and
// with it every process.
func (b *birth) newRecord() error {
	bootID, err := BootID()
	if err != nil {
		return err
	}
	s := b.bundle.Spec
	b.rec = Record{
		OCIVersion: s.Version, ID: b.opts.ID, Bundle: b.bundle.Dir, Rootfs: rootPath(b.bundle),
		Created: time.Now(), Annotations: s.Annotations, Owner: os.Getuid(), BootID: bootID,
		OwnPidNS: b.ownPidNS(), Cgroups: b.group.Paths(), Unit: b.group.Unit(),
	}
	for _, step := range []func() error{b.planResctrl, b.keepHooks} {
		if err := step(); err != nil {
			return err
		}
	}
	return b.record(true)
}

// recordPlan adds what start will ask of the plan.
func (b *birth) recordPlan() {
	if b.plan.Listener {
		p := b.bundle.Spec.Linux.Seccomp
		b.rec.Listener, b.rec.ListenerMetadata = p.ListenerPath, p.ListenerMetadata
	}
	if b.facts.Wait {
		b.rec.Steps, b.rec.LateSteps = b.plan.Len(), lateSteps(b.plan)
	}
}

// A StepError is a step of the plan that failed inside the container.
type StepError struct {
	Step, Of int // counted from 1
	Why      string
	Message  string // what the user reads, where the errno's text says too little
	Errno    error
	Forks    bool // the step is a fork
}

func newStepError(p *nsinit.Plan, r nsinit.Report) *StepError {
	e := &StepError{Step: int(r.Step) + 1, Of: p.Len(), Errno: errno(-r.Value)}
	s, ok := p.At(int(r.Step))
	if !ok {
		e.Why = "the end of the plan was passed, which is a bug"
		return e
	}
	e.Why = s.Why
	switch op := s.Op.(type) {
	case nsinit.Fail:
		e.Message = op.Message
	case nsinit.Call:
		e.Why, e.Forks = op.Subject()+": "+s.Why, op.Name == "clone3" || op.Name == "clone"
	}
	return e
}

func (e *StepError) Error() string {
	text := e.Message
	if text == "" {
		text = e.Why + ": " + e.Errno.Error()
	}
	return fmt.Sprintf("step %d of %d: %s", e.Step, e.Of, text)
}

// words are the message, or what the step was for, as a record keeps them.
func (e *StepError) words() string {
	if e.Message != "" {
		return complete + e.Message
	}
	return e.Why
}

// Unwrap is the errno of the step.
func (e *StepError) Unwrap() error { return e.Errno }
