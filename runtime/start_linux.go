package runtime

import (
	"errors"
	"fmt"
	"strconv"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

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
	if err := release(d, r); err != nil {
		return err
	}
	return rt.poststart(p)
}

// poststart runs the poststart hooks; one that fails stops the container.
func (rt *Runtime) poststart(p *initProc) error {
	err := rt.runPoststart(p.r)
	if err == nil {
		return nil
	}
	if kill := p.signal(unix.SIGKILL); kill != nil && kill != errGone {
		return errors.Join(err, kill)
	}
	return err
}

// release connects to the image and reads its reports to the end.
func release(d *Dir, r *Record) error {
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("start socket: %w", err)
	}
	defer unix.Close(conn)
	if err := unix.Connect(conn, d.socketAddress()); err != nil {
		return fmt.Errorf("start socket: %w", err)
	}
	started := false
	for {
		report, err := readReport(conn)
		switch {
		case errors.Is(err, unix.ECONNRESET):
			return ErrRunning
		case err != nil:
			return err
		case report == nil && !started:
			return errors.New("init ended before it could execute the program")
		case report == nil:
			return nil
		case report.Value < 0:
			return startError(r, *report)
		}
		started = true
	}
}

// startError words the step that failed, as create noted it.
func startError(record *Record, r nsinit.Report) error {
	step := int(r.Step) + 1
	return &StepError{Step: step, Of: record.Steps, Why: record.LateSteps[strconv.Itoa(step)], Errno: errno(-r.Value)}
}

// lateSteps notes the words of the steps that come after the wait: start has
// no plan, only the number of a step.
func lateSteps(p *nsinit.Plan) map[string]string {
	late := make(map[string]string)
	for i := len(p.Steps) - 1; i >= 0; i-- {
		if m, ok := p.Steps[i].Op.(nsinit.Mark); ok && m.Name == nsinit.MarkReady {
			break
		}
		e := newStepError(p, nsinit.Report{Step: uint32(i)})
		late[strconv.Itoa(i+1)] = e.words()
	}
	return late
}
