package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"minirun/cgroups"
	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// errEnded is of an init that was killed, or that had nobody to report to.
var errEnded = errors.New("init ended before it could execute the program")

// startSocket is where the image waits in accept(2), in the container's directory.
const startSocket = "start.sock"

// socketAddress names the start socket through the directory's descriptor:
// sun_path has 108 bytes, which a state root may well exceed.
func (d *Dir) socketAddress() *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + startSocket}
}

// listenForStart makes the socket that the image will wait on.
func (d *Dir) listenForStart() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("start socket: %w", err)
	}
	if err = unix.Bind(fd, d.socketAddress()); err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("start socket: %w", err)
	}
	return fd, nil
}

// Start lets the init of a created container execute the program. Unlike
// runc's it reports an execve that failed: the connection to the image ends
// without a report only if the program runs.
func (rt *Runtime) Start(id string) error {
	d, err := rt.Store.Lock(id)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := d.Record()
	if err != nil {
		return err
	}
	p, err := openInit(r)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.look(); err != nil {
		return err
	}
	if err := refuse(actStart, statusOf(r, p.seen), id); err != nil {
		return err
	}
	agent, err := dialAgent(r)
	if err != nil {
		return err
	}
	defer closeAgent(agent)
	r.Started = time.Now()
	rt.observed(p, "start")
	p.told.Say("start: connects to PID 1, which goes on to the program")
	if err := release(d, p, agent); err != nil {
		return err
	}
	if err := d.Write(*r); err != nil {
		rt.warn(fmt.Sprintf("when it was started is not noted: %v", err))
	}
	return rt.poststart(p)
}

// poststart runs the poststart hooks; one that fails stops the container.
func (rt *Runtime) poststart(p *initProc) error {
	if err := rt.runPoststart(p.r); err != nil {
		return p.stopFor(err)
	}
	return nil
}

// stopFor ends a container that must not run on, and says why.
func (p *initProc) stopFor(err error) error {
	if kill := p.signal(unix.SIGKILL); kill != nil && kill != errGone {
		return errors.Join(err, kill)
	}
	return err
}

// release connects to the image and reads its reports to the end. The listener
// of a seccomp filter goes to the agent.
func release(d *Dir, p *initProc, agent int) error {
	r := p.r
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("start socket: %w", err)
	}
	defer unix.Close(conn)
	fault("start")
	switch err := unix.Connect(conn, d.socketAddress()); {
	case err == unix.ECONNREFUSED:
		return p.hungUp()
	case err != nil:
		return fmt.Errorf("start socket: %w", err)
	}
	fault("connected")
	var last *nsinit.Report // the mark before
	for {
		report, listener, err := receiveReport(conn)
		if err == nil && listener >= 0 {
			if err = passListener(agent, listener, stateOfListener(r, Created, r.Pid)); err != nil {
				return p.stopFor(err)
			}
		}
		switch {
		case errors.Is(err, unix.ECONNRESET):
			return p.hungUp()
		case err != nil:
			return err
		case report == nil && last == nil:
			return errEnded
		case report == nil:
			return nil
		case report.Value < 0:
			return startError(r, *report, *cmp.Or(last, &nsinit.Report{}))
		}
		last = report
	}
}

// hungUp is the error of a connection that the image does not take because its
// socket is closed: it has executed the program, for another start that was
// killed, or it has ended. A process that ends closes its descriptors long before
// its pidfd tells, but it is exiting by then (do_exit, kernel/exit.c).
func (p *initProc) hungUp() error {
	task, err := p.signals()
	switch {
	case err == ErrNotRunning || err == nil && task.Dying():
		return errEnded
	case err != nil:
		return err
	}
	return ErrRunning
}

// startError words the step that failed, as create noted it. The mark before
// it has the wait status of the hook, if it is a hook that failed.
func startError(record *Record, r, mark nsinit.Report) error {
	step := int(r.Step) + 1
	e := &StepError{Step: step, Of: record.Steps, Errno: errno(-r.Value)}
	e.Why = record.LateSteps[strconv.Itoa(step)]
	if message, all := strings.CutPrefix(e.Why, complete); all {
		e.Message = message
		if mark.Value > 0 {
			e.Message += ": " + statusText(unix.WaitStatus(mark.Value))
		}
	}
	e.Forks = strings.HasPrefix(e.Why, "clone3: ")
	return explainFork(e, cgroups.Restore(record.Cgroups))
}

// complete begins the words of a step that need no errno after them.
const complete = "! "

// lateSteps notes the words of the steps that come after the wait: start has
// no plan, only the number of a step.
func lateSteps(p *nsinit.Plan) map[string]string {
	late := make(map[string]string)
	for i := p.Len() - 1; i >= 0; i-- {
		s, _ := p.At(i)
		if m, ok := s.Op.(nsinit.Mark); ok && m.Name == nsinit.MarkReady {
			break
		}
		e := newStepError(p, nsinit.Report{Step: uint32(i)})
		late[strconv.Itoa(i+1)] = e.words()
	}
	return late
}
