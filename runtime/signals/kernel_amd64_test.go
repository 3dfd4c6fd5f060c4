package signals

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A target is a running program, with its peer inside.
type target struct {
	t      *testing.T
	pid    int
	pidfd  int
	in     *os.File // signals for the peer to send
	out    *os.File // a byte 0 when ready, and the number of each signal sent
	reaped bool
}

// start runs a program as PID 1 of a fresh namespace, or as an ordinary process.
func start(t *testing.T, p *program, init bool) *target {
	t.Helper()
	in, toPeer := pipe(t)
	fromPeer, out := pipe(t)
	g := &target{t: t, in: toPeer, out: fromPeer}
	attr := &syscall.SysProcAttr{PidFD: &g.pidfd, Setsid: true, Pdeathsig: unix.SIGKILL}
	if init {
		attr.Cloneflags = unix.CLONE_NEWPID
	}
	proc, err := os.StartProcess(p.write(t), []string{"program"}, &os.ProcAttr{Files: []*os.File{in, out}, Sys: attr})
	if err != nil {
		t.Fatal(err)
	}
	g.pid = proc.Pid
	t.Cleanup(g.end)
	in.Close()
	out.Close()
	g.expect(0)
	return g
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// end kills and reaps the program, and its peer, which is of the same group.
func (g *target) end() {
	if !g.reaped {
		unix.Kill(-g.pid, unix.SIGKILL)
		g.wait()
	}
	unix.Close(g.pidfd)
}

func (g *target) wait() (status unix.WaitStatus) {
	if _, err := unix.Wait4(g.pid, &status, unix.WALL, nil); err != nil {
		g.t.Error(err)
	}
	g.reaped = true
	return status
}

func (g *target) expect(want byte) {
	g.t.Helper()
	g.out.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b [1]byte
	if _, err := g.out.Read(b[:]); err != nil || b[0] != want {
		g.t.Fatalf("read from program: %d, %v, want %d", b[0], err, want)
	}
}

// send signals the target by its peer or from here.
func (g *target) send(sig int, inside bool) {
	g.t.Helper()
	if !inside {
		if err := unix.PidfdSendSignal(g.pidfd, unix.Signal(sig), nil, 0); err != nil {
			g.t.Fatal(err)
		}
		return
	}
	if _, err := g.in.Write([]byte{byte(sig)}); err != nil {
		g.t.Fatal(err)
	}
	// A peer in the namespace may die of the signal with its init before it can answer.
	g.out.SetReadDeadline(time.Now().Add(10 * time.Second))
	g.out.Read(make([]byte, 1))
}

// settle waits until the program sleeps, is stopped or has ended: what can be
// delivered is then. One look is not enough: signalfd_dequeue says that it
// sleeps while it takes a signal, and on a busy machine may wait for a processor then.
func (g *target) settle() Task {
	g.t.Helper()
	for quiet := 0; quiet < 3; quiet++ {
		if g.busy() {
			quiet = -1
		}
		time.Sleep(time.Millisecond)
	}
	return g.read()
}

func (g *target) busy() bool {
	task := g.read()
	busy := task.Dying() && task.State != 'Z'
	for _, th := range task.Threads {
		busy = busy || th.State == 'R' || th.State == 'D'
	}
	return busy || g.onQueue()
}

// onQueue reports whether a thread is on a run queue, whatever its state says:
// its syscall file waits until it is not, or says "running" (task_current_syscall).
func (g *target) onQueue() bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", g.pid))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && string(text) == "running\n" {
			return true
		}
	}
	return false
}

func (g *target) read() Task {
	g.t.Helper()
	task, err := Read(fmt.Sprintf("/proc/%d", g.pid))
	if err != nil {
		g.t.Fatal(err)
	}
	return task
}

// observed is what became of a signal, by the program's state, exit and queues.
func (g *target) observed(sig int) string {
	g.t.Helper()
	switch task := g.settle(); {
	case task.State == 'Z':
		return g.exit()
	case task.State == 'T':
		return Stop.String()
	case task.Pending.Has(sig) || task.Shared.Has(sig):
		return Pending.String()
	}
	return "nothing"
}

// exit tells a handled, consumed and fatal signal apart.
func (g *target) exit() string {
	g.t.Helper()
	unix.Kill(-g.pid, unix.SIGKILL) // the peer, while the zombie still holds the number
	switch status := g.wait(); {
	case status.Signaled():
		return Fatal.String()
	case status.ExitStatus() >= byWait:
		return Consumable.String()
	}
	return Handled.String()
}

var watched = SetOf(1, 10, 15)

// programs are the ways to arrange for a signal.
var programs = []struct {
	name  string
	build func(*program)
}{
	{"default", func(p *program) { p.pause() }},
	{"handler", func(p *program) { p.handle(1, 10, 15); p.pause() }},
	{"ignored", func(p *program) { p.ignore(1, 10, 15); p.pause() }},
	{"blocked", func(p *program) { p.block(watched); p.pause() }},
	{"blocked handler", func(p *program) { p.handle(1, 10, 15); p.block(watched); p.pause() }},
	{"sigtimedwait", func(p *program) { p.block(watched); p.wait(watched) }},
	{"signalfd", func(p *program) { p.block(watched); p.readFd(watched) }},
	{"other thread open", func(p *program) { p.block(watched); p.thread(watched) }},
}

func TestPredictionsHoldOnThisKernel(t *testing.T) {
	for _, prog := range programs {
		for _, init := range []bool{true, false} {
			for _, inside := range []bool{true, false} {
				for _, sig := range []int{1, 9, 10, 15, 19} {
					name := fmt.Sprintf("%s/init=%v/inside=%v/%s", prog.name, init, inside, Name(sig))
					t.Run(name, func(t *testing.T) { predict(t, prog.build, init, inside, sig) })
				}
			}
		}
	}
}

func predict(t *testing.T, build func(*program), init, inside bool, sig int) {
	p := newProgram()
	build(p)
	g := start(t, p, init)
	task := g.settle()
	if len(task.Gaps) > 0 {
		t.Errorf("gaps: %q", task.Gaps)
	}
	answer := Verdict(task.Question(sig, Kill, inside))
	want := answer.Action.String()
	if answer.Action == Ignored || answer.Action == Dropped {
		want = "nothing"
	}
	g.send(sig, inside)
	if got := g.observed(sig); got != want {
		t.Errorf("the kernel did: %s; predicted %s (%s)", got, want, answer.Reason)
	}
}

func TestStoppedTargetTakesSignalsAfterCont(t *testing.T) {
	p := newProgram()
	p.handle(15)
	p.pause()
	g := start(t, p, true)
	g.send(19, false)
	task := g.settle()
	if a := Verdict(task.Question(15, Kill, false)); a.Action != Pending || a.AfterUnblock != Handled {
		t.Errorf("stopped: %+v", a)
	}
	g.send(15, false)
	if got := g.observed(15); got != "stop" {
		t.Errorf("stopped target: %s", got)
	}
	if a := Verdict(task.Question(18, Kill, true)); a.Result != 1 {
		t.Errorf("SIGCONT: %+v", a)
	}
	g.send(18, true) // ignored, and resumes
	if got := g.observed(15); got != "handler" {
		t.Errorf("after SIGCONT: %s", got)
	}
}

func TestTracedTargetIsSeen(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := newProgram()
	p.pause()
	g := start(t, p, true)
	if err := unix.PtraceSeize(g.pid); err != nil {
		t.Fatal(err)
	}
	a := Verdict(g.settle().Question(15, Kill, true))
	if !a.TracerFirst || a.Result != 0 || a.Action != Dropped {
		t.Errorf("traced: %+v", a)
	}
	g.send(15, true)
	var status unix.WaitStatus
	if _, err := unix.Wait4(g.pid, &status, unix.WALL, nil); err != nil || !status.Stopped() || status.StopSignal() != unix.SIGTERM {
		t.Fatalf("the tracer saw %#x, %v", status, err)
	}
	if err := unix.PtraceCont(g.pid, 15); err != nil {
		t.Fatal(err)
	}
	if got := g.observed(15); got != "nothing" {
		t.Errorf("injected: %s", got)
	}
}

// TestDrainingInitIsDying holds an init in zap_pid_ns_processes by a zombie
// whose parent, this test, is outside and does not wait.
func TestDrainingInitIsDying(t *testing.T) {
	p := newProgram()
	p.pause()
	g := start(t, p, true)
	child := make(chan *os.Process)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread's children are born in the namespace
		if err := unix.Setns(g.pidfd, unix.CLONE_NEWPID); err != nil {
			t.Error(err)
		}
		q := newProgram()
		q.pause()
		proc, err := os.StartProcess(q.write(t), []string{"joined"}, &os.ProcAttr{})
		if err != nil {
			t.Error(err)
		}
		child <- proc
	}()
	joined := <-child
	if joined == nil {
		t.FailNow()
	}
	g.send(9, false)
	waitFor(t, "init to drain", func() bool {
		task := g.read()
		return task.Draining() && task.Dying()
	})
	if a := Verdict(g.read().Question(9, Kill, false)); a.Cause != AlreadyDying || a.Result != 1 {
		t.Errorf("draining: %+v", a)
	}
	if _, err := joined.Wait(); err != nil {
		t.Error(err)
	}
	waitFor(t, "init to end", func() bool {
		task := g.read()
		return task.State == 'Z' && !task.Draining() && task.Dying()
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestReadOfAProcessThatIsGone(t *testing.T) {
	p := newProgram()
	p.pause()
	g := start(t, p, true)
	unix.Kill(-g.pid, unix.SIGKILL)
	g.wait()
	if _, err := Read(fmt.Sprintf("/proc/%d", g.pid)); !errors.Is(err, unix.ESRCH) {
		t.Errorf("read: %v, want ESRCH", err)
	}
}
