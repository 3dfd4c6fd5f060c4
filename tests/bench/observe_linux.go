package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// observing are the rows of what it costs to be observed, in CPU time of who
// is: a busy machine disturbs it little. The observer is minirun-observe, with a
// reader that throws the events away.
func observing() []scenario {
	return []scenario{
		{name: "`kill(2)`, ignored by PID 1", unit: "µs", own: true, do: cost(kills, nobody)},
		{name: "the same in an observed container: more by", unit: "µs", own: true, do: cost(kills, itself)},
		{name: "the same beside an observed container: more by", unit: "µs", own: true, do: cost(kills, another)},
		{name: "fork, exec and exit of /bin/true", unit: "µs", own: true, do: cost(forks, nobody)},
		{name: "the same in an observed container: more by", unit: "%", own: true, do: cost(forks, itself)},
		{name: "the same beside an observed container: more by", unit: "%", own: true, do: cost(forks, another)},
		{name: "minirun-observe: start to attached", unit: "ms", own: true, do: attachment(func(o *observer) (float64, error) { return ms(o.took), nil })},
		{name: "minirun-observe: peak memory", unit: "kB", own: true, once: true, do: attachment((*observer).peak)},
		{name: "`observe`: peak memory after 100,000 signals", unit: "kB", own: true, once: true, do: storm},
	}
}

// An act is done so often in a container, and takes so long.
type act struct {
	times   int
	percent bool // a difference is told in percent of the act
	do      func(*shell, int) (time.Duration, error)
}

var (
	kills = act{20000, false, (*shell).kills}
	forks = act{150, true, (*shell).forks}
)

// Who is observed.
type whom int

const (
	nobody whom = iota
	itself
	another // container, which does nothing
)

// cost is what an act takes, in µs; or how much more it takes while somebody
// is observed than before and after.
func cost(a act, who whom) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (v float64, err error) {
		c, err := s.shell(sub, plainForks)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		before, err := a.settled(c)
		if err != nil || who == nobody {
			return micro(before, a.times), err
		}
		watched := c
		if who == another {
			if watched, err = s.shell(sub, otherForks); err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, watched.close()) }()
		}
		during, err := a.under(c, watched, sub)
		if err != nil {
			return 0, err
		}
		after, err := a.settled(c)
		plain := (before + after) / 2
		if a.percent {
			return 100 * float64(during-plain) / float64(plain), err
		}
		return micro(during-plain, a.times), err
	}
}

func micro(d time.Duration, times int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(times)
}

// under does it while a container is observed.
func (a act) under(c, watched *shell, sub subject) (d time.Duration, err error) {
	o, err := observe(sub, watched.pid)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	return a.settled(c)
}

// settled does it without what has just begun or ended on the machine: the
// loading of programs patches the kernel's code, and its memory is freed later.
func (a act) settled(c *shell) (time.Duration, error) {
	if _, err := a.do(c, a.times); err != nil {
		return 0, err
	}
	return a.do(c, a.times)
}

// storm is what minirun observe takes, besides minirun-observe, that is told of
// many signals and writes all of them down.
func storm(s *stage, sub subject) (v float64, err error) {
	c, err := s.shell(sub, plainForks)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	cmd := exec.Command(sub.path, "--root", s.root(sub), "observe", "--format", "json", "-o", os.DevNull, c.id)
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return 0, err
	}
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil { // it is attached
		return 0, errors.Join(err, cmd.Wait())
	}
	_, killErr := c.kills(100_000)
	v, err = residentPeak(cmd.Process.Pid)
	return v, errors.Join(killErr, err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
}

// A shell is a container whose PID 1 forks as often as it is told.
type shell struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	id  string
	pid int
}

const forkLoop = `echo; while read n; do while [ $n -gt 0 ]; do /bin/true; n=$((n-1)); done; echo; done`

func (s *stage) shell(sub subject, bundle string) (*shell, error) {
	id := s.id()
	c := &shell{id: id, cmd: exec.Command(sub.path, "--root", s.root(sub), "run", "--bundle", filepath.Join(s.dir, bundle), id)}
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stderr = os.Stderr
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := c.out.ReadString('\n'); err != nil {
		return nil, errors.Join(err, c.close())
	}
	text, err := exec.Command(sub.path, "--root", s.root(sub), "state", id).Output()
	var state rig.State
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if c.pid = state.Pid; err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *shell) close() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

// forks is the CPU time of the container for so many.
func (c *shell) forks(n int) (time.Duration, error) {
	begun, err := c.cpu()
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintln(c.in, n); err != nil {
		return 0, err
	}
	if _, err := c.out.ReadString('\n'); err != nil {
		return 0, err
	}
	ended, err := c.cpu()
	return ended - begun, err
}

// cpu is the CPU time of the container, those included who have ended.
func (c *shell) cpu() (time.Duration, error) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(list)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, file := range []struct {
			controller, path, key string
			unit                  time.Duration
		}{
			{"cpuacct", "/sys/fs/cgroup/cpuacct" + f[2] + "/cpuacct.usage", "", time.Nanosecond},
			{"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct" + f[2] + "/cpuacct.usage", "", time.Nanosecond},
			{"", "/sys/fs/cgroup" + f[2] + "/cpu.stat", "usage_usec ", time.Microsecond},
		} {
			text, err := os.ReadFile(file.path)
			if f[1] != file.controller || err != nil {
				continue
			}
			text, _, _ = bytes.Cut(bytes.TrimPrefix(text, []byte(file.key)), []byte("\n"))
			n, err := strconv.ParseInt(string(text), 10, 64)
			return time.Duration(n) * file.unit, err
		}
	}
	return 0, errors.New("no cgroup that counts CPU time")
}

// kills is the CPU time of this thread.
func (c *shell) kills(n int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun := threadTime()
	for range n {
		if err := syscall.Kill(c.pid, syscall.SIGURG); err != nil {
			return 0, err
		}
	}
	return threadTime() - begun, nil
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // no kernel lacks it
	}
	return time.Duration(t.Nano())
}

// An observer is a minirun-observe.
type observer struct {
	cmd  *exec.Cmd
	in   io.Closer
	took time.Duration // from start to attached
	done chan error
}

// observe starts the minirun-observe beside a subject for the PID namespace of a process.
func observe(sub subject, pid int) (*observer, error) {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return nil, err
	}
	inode := strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
	o := &observer{cmd: exec.Command(filepath.Join(filepath.Dir(sub.path), "minirun-observe"), "--namespace", inode), done: make(chan error, 1)}
	o.cmd.Stderr = os.Stderr
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	first := make([]byte, 152+len("attached")) // the record that says so
	_, err = io.ReadFull(out, first)
	o.took = time.Since(begun)
	go func() {
		_, err := io.Copy(io.Discard, out)
		o.done <- err
	}()
	if err == nil && !strings.HasSuffix(string(first), "attached") {
		err = fmt.Errorf("minirun-observe: %q", first[152:])
	}
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *observer) close() error { return errors.Join(o.in.Close(), <-o.done, o.cmd.Wait()) }

// peak is the largest resident set, in kB.
func (o *observer) peak() (float64, error) { return residentPeak(o.cmd.Process.Pid) }

func residentPeak(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSuffix(rig.Field(string(data), "VmHWM"), " kB"), 64)
}

// attachment looks at a minirun-observe that has just said that it is attached.
func attachment(look func(*observer) (float64, error)) func(*stage, subject) (float64, error) {
	return func(_ *stage, sub subject) (v float64, err error) {
		o, err := observe(sub, os.Getpid())
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, o.close()) }()
		return look(o)
	}
}
