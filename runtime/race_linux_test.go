package runtime

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// races is how many rounds a test of races has: MINIRUN_RACES, or 10,000 in
// CI, and a tenth of it elsewhere.
func races() int {
	n, err := strconv.Atoi(os.Getenv("MINIRUN_RACES"))
	switch {
	case err == nil && n > 0:
		return n
	case testing.Short():
		return 50
	case os.Getenv("CI") != "":
		return 10_000
	}
	return 1000
}

// racers is how many processes share the rounds. They have one each at a time,
// because awaitPoll cannot tell whose Wait it is that polls.
const racers = 4

// A container ends by itself while it is stopped, killed and waited for, and
// is reaped at any moment of that: each time one status, the kernel's, comes
// out everywhere, and nobody else is hit.
func TestStopAndKillRacingWithTheEnd(t *testing.T) { raceInProcesses(t, raceWithTheEnd) }

// raceInProcesses shares the rounds of a test among processes of its own.
func raceInProcesses(t *testing.T, race func(t *testing.T, from, to int)) {
	var from, to int
	if n, _ := fmt.Sscanf(os.Getenv("RUNTIME_TEST_ROUNDS"), "%d-%d", &from, &to); n == 2 {
		race(t, from, to)
		return
	}
	n := races()
	var all sync.WaitGroup
	for k := range racers {
		all.Go(func() {
			cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^"+t.Name()+"$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("RUNTIME_TEST_ROUNDS=%d-%d", k*n/racers, (k+1)*n/racers))
			out, err := cmd.CombinedOutput()
			if t.Logf("%s", out); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func raceWithTheEnd(t *testing.T, from, to int) {
	rt, warnings := testRuntime(t)
	bystander := sleeper(t, nil)
	for i := from; i < to; i++ {
		id := "c" + strconv.Itoa(i)
		code := i % 100
		init, end := tinyInit(t, rt, id, code, time.Duration(i%7*5)*100*time.Microsecond)
		var stopExit, waitExit *ExitRecord
		var stopErr, waitErr, killErr error
		var all sync.WaitGroup
		all.Go(func() { waitExit, waitErr = rt.Wait(id, time.Minute) })
		awaitPidfds(t, init.Process.Pid, 2) // os/exec's and Wait's
		awaitPoll(t)                        // Wait has proved whose pidfd it is, which nobody can once it is reaped
		end()
		all.Go(func() {
			time.Sleep(time.Duration(i%11) * 500 * time.Microsecond)
			stopExit, stopErr = rt.Stop(id, StopOptions{Grace: time.Duration(i%3) * time.Millisecond, Limit: 30 * time.Second})
		})
		all.Go(func() {
			time.Sleep(time.Duration(i%13) * 500 * time.Microsecond)
			sig := [...]unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGUSR1}[i%3]
			killErr = rt.Kill(id, sig, i%2 == 0 && sig == unix.SIGKILL) // any other to all needs a cgroup
		})
		status := reaped(init)
		all.Wait()
		if status != unix.WaitStatus(code<<8) && status != 9 {
			t.Fatalf("%d: status %#x", i, status)
		}
		if killErr != nil && killErr != ErrNotRunning {
			t.Errorf("%d: kill: %v", i, killErr)
		}
		wantExit(t, fmt.Sprintf("%d: wait", i), waitExit, waitErr, status)
		if stopErr != nil || stopExit.Known() { // it may begin when all is over, and before wait has written
			wantExit(t, fmt.Sprintf("%d: stop", i), stopExit, stopErr, status)
		}
		again, err := rt.Wait(id, 0)
		wantExit(t, fmt.Sprintf("%d: the record", i), again, err, status)
		if err := rt.Delete(id, false); err != nil {
			t.Fatal(err)
		}
	}
	stillRuns(t, bystander)
	if len(*warnings) > 0 {
		t.Errorf("warnings: %q", *warnings)
	}
}

// tinyInit is an init that reads from its standard input until end makes that
// end, waits for SIGTERM for some time more, and exits with a code. It is an
// image of the assembler, because a shell takes ten times as long to start.
func tinyInit(t *testing.T, rt *Runtime, id string, code int, delay time.Duration) (cmd *exec.Cmd, end func()) {
	t.Helper()
	n := func(v int) nsinit.Const { return nsinit.Const{V: uint64(v)} }
	word := func(v ...uint64) nsinit.Ptr {
		d := &nsinit.Data{}
		for _, w := range v {
			d.Bytes = binary.LittleEndian.AppendUint64(d.Bytes, w)
		}
		return nsinit.Ptr{Data: d}
	}
	term := word(1 << (unix.SIGTERM - 1))
	p := &nsinit.Plan{Arch: goruntime.GOARCH, Report: 2, Steps: []nsinit.Step{
		{Op: nsinit.Call{Name: "rt_sigprocmask", Args: []nsinit.Arg{n(unix.SIG_BLOCK), term, n(0), n(8)}}},
		{Op: nsinit.Call{Name: "read", Args: []nsinit.Arg{n(0), word(0), n(1)}}},
		{Op: nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{term, n(0), word(0, uint64(delay)), n(8)},
			On: []nsinit.On{{Errno: unix.EAGAIN}}}},
		{Op: nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{n(code)}}},
	}}
	image, err := nsinit.Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := image.Memfd("init", rt.Store.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd = exec.Command("/proc/self/fd/" + strconv.Itoa(fd))
	cmd.Stdin = r
	startInit(t, rt, id, cmd)
	return cmd, func() { w.Close() } // read returns at the end of file
}
