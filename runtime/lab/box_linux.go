package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// How long something may take that must happen, and how long is waited for
// what must not. The kernel decides on a signal before kill(2) returns, so the
// second need only cover how long a process takes to die.
const (
	patience = 10 * time.Second
	settle   = 150 * time.Millisecond
)

// A box is a container of an experiment.
type box struct {
	*Bench
	id, dir string
	setup   setup
	pid     int
	pidfd   int
	how     string // the init has ended, once it has been waited for
	notes   reader
	stdin   *os.File       // held open: a program that reads it waits
	group   string         // of the pids controller
	also    []int          // further children of the lab: exec --detach
	undo    []func() error // before the init ends
	after   []func() error // and after
}

// box creates and starts a container. The pidfd is opened in between, so that
// nothing of its life is missed.
func (b *Bench) box(s setup) *box {
	x := b.created(s)
	x.started()
	return x
}

func (b *Bench) created(s setup) *box {
	x := &box{Bench: b, id: fmt.Sprintf("lab-%d-%d", os.Getpid(), boxes()), setup: s, pidfd: -1}
	x.dir = filepath.Join(b.dir, x.id)
	b.boxes = append(b.boxes, x)
	if b.witness == nil {
		b.witness = callWitness()
	}
	b.must(s.write(x.dir))
	out, w, err := os.Pipe()
	b.must(err)
	defer w.Close()
	x.notes = reader{from: out, program: s.init}
	in, stdin, err := os.Pipe()
	b.must(err)
	defer in.Close()
	x.stdin = stdin
	args := append([]string{"create", "--bundle", x.dir, "--pid-file", filepath.Join(x.dir, "pid")}, s.flags...)
	c, err := b.runtime.do(in, w, append(args, x.id)...)
	b.must(err)
	b.must(c.must("create"))
	x.pid = x.readPid("pid")
	x.pidfd, err = unix.PidfdOpen(x.pid, 0)
	b.must(err)
	x.group = pidsGroup(x.pid)
	if len(b.boxes) == 1 {
		b.witness.watch(x)
	}
	return x
}

func (x *box) started() { x.must(x.verb("start").must("start")) }

func (x *box) readPid(file string) int {
	text, err := os.ReadFile(filepath.Join(x.dir, file))
	x.must(err)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	x.must(err)
	return pid
}

// verb carries out VERB [flags] ID [arguments].
func (x *box) verb(name string, args ...string) call {
	i := 0
	for i < len(args) && len(args[i]) > 0 && args[i][0] == '-' {
		i++
	}
	all := append([]string{name}, args[:i]...)
	all = append(append(all, x.id), args[i:]...)
	c, err := x.runtime.do(nil, nil, all...)
	x.must(err)
	return c
}

// kill sends a signal from the host, by the runtime.
func (x *box) kill(sig int) { x.must(x.verb("kill", strconv.Itoa(sig)).must("kill")) }

// hostKill sends a signal from the host, past the runtime and what it thinks of the container.
func (x *box) hostKill(sig unix.Signal) { x.must(unix.PidfdSendSignal(x.pidfd, sig, nil, 0)) }

// exec runs others[i] in the container and returns what it reports.
func (x *box) exec(i int) (call, *reader) {
	out, w, err := os.Pipe()
	x.must(err)
	c, err := x.runtime.do(nil, w, "exec", x.id, otherPath(i))
	w.Close()
	x.must(err)
	r := &reader{from: out, program: x.setup.others[i]}
	x.undo = append(x.undo, out.Close)
	return c, r
}

// detach runs others[i] in the container as a child that the lab has adopted
// and does not wait for, and returns its pid on the host.
func (x *box) detach(i int) int {
	file := fmt.Sprintf("pid-%d", len(x.also))
	c, err := x.runtime.do(nil, nil, "exec", "--detach", "--pid-file", filepath.Join(x.dir, file), x.id, otherPath(i))
	x.must(err)
	x.must(c.must("exec"))
	pid := x.readPid(file)
	x.also = append(x.also, pid)
	return pid
}

// note waits for a report of PID 1, or of a child that it has, by its name.
func (x *box) note(name string) int {
	v, err := x.notes.find(name, patience)
	x.must(err)
	return v
}

// ended reports whether the init ends within a time.
func (x *box) ended(within time.Duration) bool {
	if x.how != "" {
		return true
	}
	ready, err := readable(x.pidfd, within)
	x.must(err)
	if !ready {
		return false
	}
	var ws unix.WaitStatus
	for {
		_, err = unix.Wait4(x.pid, &ws, 0, nil)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		x.must(fmt.Errorf("wait for the init: %w", err))
	}
	x.how = exited(ws.ExitStatus())
	if ws.Signaled() {
		x.how = killedBy(int(ws.Signal()))
	}
	return true
}

// fate is what has become of the init after a time: lives, stopped, or how it ended.
func (x *box) fate(within time.Duration) string {
	if x.ended(within) {
		return x.how
	}
	if x.task().State == 'T' {
		return stopped
	}
	return lives
}

// becomes is the fate of the init where one is expected: what must happen has
// patience, and what must not is waited for a little.
func (x *box) becomes(want string) string {
	switch want {
	case lives:
		return x.fate(settle)
	case stopped:
		x.until(func() bool { return x.fate(0) != lives })
		return x.fate(0)
	}
	return x.fate(patience)
}

// task is what /proc tells of the init.
func (x *box) task() signals.Task {
	t, err := signals.Read(fmt.Sprintf("/proc/%d", x.pid))
	x.must(err)
	return t
}
