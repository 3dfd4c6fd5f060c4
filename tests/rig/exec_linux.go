package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Deadline is how long one call of a runtime may take. Nothing takes a tenth
// of that; it turns a hang into a failure.
var Deadline = Patience(60 * time.Second)

// Patience is how long to wait for what takes no longer than d on an ordinary
// machine: RIG_PATIENCE times as long on one that is so much slower.
func Patience(d time.Duration) time.Duration {
	n, err := strconv.Atoi(os.Getenv("RIG_PATIENCE"))
	if err != nil {
		n = 1
	}
	return time.Duration(n) * d
}

// Result is what became of one call of the runtime.
type Result struct {
	Args           []string
	Code           int  // exit code, or 128+n for a signal
	Killed         bool // by a signal, that is
	Stdout, Stderr string
	MaxRSS         int64 // kilobytes, of the runtime and the children it waited for
	Took           time.Duration
}

// Message is the error without the dress that the log format gives it.
func (x Result) Message() string {
	text := strings.TrimSpace(x.Stderr)
	if i := strings.Index(text, "msg="); i >= 0 && strings.HasPrefix(text, "time=") {
		if s, err := strconv.Unquote(text[i+len("msg="):]); err == nil {
			return s
		}
		return text[i+len("msg="):]
	}
	return text
}

// A Call is a runtime that was started and not yet waited for.
type Call struct {
	rig      *Rig
	Cmd      *exec.Cmd
	out, err *os.File
	begun    time.Time
}

// waited are the children that a Call waits for, and nobody else may reap.
var waited = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

// An Option changes how the runtime is started.
type Option func(*exec.Cmd)

// Stdin gives the runtime a standard input other than /dev/null.
func Stdin(f *os.File) Option { return func(c *exec.Cmd) { c.Stdin = f } }

// Stdio gives the runtime all three descriptors.
func Stdio(in, out, err *os.File) Option {
	return func(c *exec.Cmd) { c.Stdin, c.Stdout, c.Stderr = in, out, err }
}

// Env replaces the environment.
func Env(env ...string) Option { return func(c *exec.Cmd) { c.Env = env } }

// Cwd sets the working directory.
func Cwd(dir string) Option { return func(c *exec.Cmd) { c.Dir = dir } }

// Files are passed as descriptors 3, 4, …
func Files(files ...*os.File) Option { return func(c *exec.Cmd) { c.ExtraFiles = files } }

// Deaf starts the runtime with HUP, INT, QUIT and PIPE ignored and TERM blocked.
func Deaf() Option {
	return func(c *exec.Cmd) {
		c.Args = append([]string{"helper"}, c.Args...)
		c.Args[1], c.Path = c.Path, "/proc/self/exe"
		c.Env = append(c.Env, helperEnv+"=deaf")
	}
}

// Spawn starts the runtime with the rig's root, its output in files so that a
// container that inherits these delays nobody.
func (r *Rig) Spawn(args []string, opts ...Option) *Call {
	r.Helper()
	full := append(append([]string{"--root", r.Root}, r.Global...), args...)
	c := &Call{rig: r, Cmd: exec.Command(r.Runtime.Path, full...)}
	r.count++
	c.out, c.err = r.output("out"), r.output("err")
	c.Cmd.Stdout, c.Cmd.Stderr = c.out, c.err
	c.Cmd.Env = append(os.Environ(), "RIG="+Marker, "TMPDIR="+r.tmp())
	for _, o := range opts {
		o(c.Cmd)
	}
	c.begun = time.Now()
	waited.Lock()
	defer waited.Unlock()
	if err := c.Cmd.Start(); err != nil {
		r.Fatalf("start %s: %v", strings.Join(full, " "), err)
	}
	waited.pids[c.Cmd.Process.Pid] = true
	r.Cleanup(c.abandon)
	return c
}

// abandon ends a call that a failed test did not wait for.
func (c *Call) abandon() {
	if c.Cmd.ProcessState == nil {
		c.Cmd.Process.Kill()
		c.Wait()
	}
}

// output is a fresh file for one of the outputs of the next call.
func (r *Rig) output(name string) *os.File {
	r.Helper()
	f, err := os.OpenFile(r.Path(name+strconv.Itoa(r.count)), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		r.Fatal(err)
	}
	return f
}

// Wait waits for the runtime and reads what it wrote.
func (c *Call) Wait() Result {
	c.rig.Helper()
	late := time.AfterFunc(Deadline, func() {
		c.rig.Errorf("%v has not ended after %v", c.Cmd.Args, Deadline)
		c.Cmd.Process.Kill()
	})
	err := c.Cmd.Wait()
	late.Stop()
	waited.Lock()
	delete(waited.pids, c.Cmd.Process.Pid)
	waited.Unlock()
	x := Result{Args: c.Cmd.Args, Took: time.Since(c.begun)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.rig.Fatalf("wait for %v: %v", c.Cmd.Args, err)
	}
	ws := unix.WaitStatus(c.Cmd.ProcessState.Sys().(syscall.WaitStatus))
	x.Code, x.Killed = code(ws), ws.Signaled()
	x.MaxRSS = c.Cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	x.Stdout, x.Stderr = c.rig.maybe(c.out.Name()), c.rig.maybe(c.err.Name())
	c.out.Close()
	c.err.Close()
	return x
}

// Output is what the call has written to its standard output so far.
func (c *Call) Output() string { return c.rig.maybe(c.out.Name()) }

// Waits waits until a thread of the runtime sleeps in ppoll(2), as the verbs do
// that wait for the end of a process: they have its pidfd by then, and have
// proved whose it is.
func (c *Call) Waits() {
	c.rig.Helper()
	tasks := fmt.Sprintf("/proc/%d/task/", c.Cmd.Process.Pid)
	if !Eventually(func() bool {
		threads, _ := os.ReadDir(tasks)
		return slices.ContainsFunc(threads, func(e os.DirEntry) bool {
			nr, _, _ := strings.Cut(c.rig.maybe(tasks+e.Name()+"/syscall"), " ")
			return nr == strconv.Itoa(unix.SYS_PPOLL)
		})
	}) {
		c.rig.Fatalf("%v does not wait: %s", c.Cmd.Args, c.Output())
	}
}

// Signal sends a signal to the runtime.
func (c *Call) Signal(sig os.Signal) {
	c.rig.Helper()
	if err := c.Cmd.Process.Signal(sig); err != nil {
		c.rig.Error(err)
	}
}

// code is a wait status in the shell's manner: 128+n for a signal.
func code(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// Do calls the runtime and waits.
func (r *Rig) Do(args ...string) Result { r.Helper(); return r.Spawn(args).Wait() }

// DoWith calls the runtime with options and waits.
func (r *Rig) DoWith(opts []Option, args ...string) Result {
	r.Helper()
	return r.Spawn(args, opts...).Wait()
}

// OK calls the runtime, which must succeed without a word on stderr.
func (r *Rig) OK(args ...string) Result {
	r.Helper()
	x := r.Do(args...)
	x.mustSucceed(r)
	return x
}

// mustSucceed fails the test when the call failed, or said something.
func (x Result) mustSucceed(r *Rig) {
	r.Helper()
	if x.Code != 0 {
		r.Fatalf("%s: code %d: %s", strings.Join(x.Args, " "), x.Code, x.Stderr)
	}
	if x.Stderr != "" && r.Runtime.Kind == Minirun {
		r.Errorf("%s succeeded and wrote on stderr: %s", strings.Join(x.Args, " "), x.Stderr)
	}
}

// Eventually waits until ok, for a bounded time, and tells whether it came so.
func Eventually(ok func() bool) bool {
	for end := time.Now().Add(Deadline / 2); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// Shell runs a line of sh with the rig's environment and tells its exit code.
func (r *Rig) Shell(line string) int {
	r.Helper()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env = append(os.Environ(), "RIG="+Marker, "TMPDIR="+r.tmp())
	err := cmd.Run() // nothing reaps meanwhile
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatal(err)
	}
	return code(unix.WaitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus)))
}

// Tidy removes the outputs of the calls that are over, in a test of many.
func (r *Rig) Tidy() {
	for i := 1; i <= r.count; i++ {
		os.Remove(r.Path("out" + strconv.Itoa(i)))
		os.Remove(r.Path("err" + strconv.Itoa(i)))
	}
}
