package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"minirun/nsinit"

	"golang.org/x/sys/unix"
)

// An exec meets the end of the init at any point of its way: it runs and its
// code arrives, it dies with the PID namespace, or it says that the container
// has ended. It never hangs, and leaves no process.
func TestExecRacingWithTheEnd(t *testing.T) { raceInProcesses(t, raceExecWithTheEnd) }

const (
	jobCode     = 42
	execsARound = 4
)

func raceExecWithTheEnd(t *testing.T, from, to int) {
	rt, warnings := testRuntime(t)
	bundle := jobBundle(t)
	tally := map[string]int{}
	for i := from; i < to; i += execsARound {
		id := "c" + strconv.Itoa(i)
		init, end := tinyInit(t, rt, id, 0, 0)
		setBundle(t, rt, id, bundle)
		var execs sync.WaitGroup
		var errs [execsARound]error
		for k := range errs {
			execs.Go(func() {
				_, errs[k] = rt.Exec(ExecOptions{ID: id, Args: []string{bundle + "/job"}, Detach: true, PidFile: pidFile(bundle, k)})
			})
		}
		time.Sleep(time.Duration(i/execsARound%50) * 600 * time.Microsecond)
		end()
		execs.Wait()
		for k, err := range errs {
			tally[execOutcome(t, err, pidFile(bundle, k))]++
		}
		if status := reaped(init); status != 0 {
			t.Fatalf("%d: the init: %s", i, statusText(status))
		}
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
			t.Fatalf("%d: child %d, %v", i, pid, err)
		}
		if err := rt.Delete(id, false); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(tally)
	if to-from > 200 && (tally["ran"] == 0 || tally["refused"] == 0) {
		t.Errorf("the race was none: %v", tally)
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings: %q", *warnings)
	}
}

func pidFile(bundle string, k int) string { return bundle + "/pid" + strconv.Itoa(k) }

func execOutcome(t *testing.T, err error, pidFile string) string {
	t.Helper()
	dying := (*DyingError)(nil)
	switch {
	case errors.Is(err, ErrExecStopped), errors.As(err, &dying):
		return "refused"
	case err != nil:
		t.Fatalf("exec: %v", err)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	switch status, err := reap(pid); {
	case err != nil:
		t.Fatal(err)
	case status == jobCode<<8:
		return "ran"
	case status == unix.WaitStatus(unix.SIGKILL):
		return "died with the init"
	default:
		t.Fatalf("the process: %s", statusText(status))
	}
	return ""
}

// jobBundle is a bundle of the host's own root, with a program that exits with jobCode.
func jobBundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	code := nsinit.Const{V: jobCode}
	image, err := nsinit.Assemble(&nsinit.Plan{Arch: goruntime.GOARCH, Report: 2, Steps: []nsinit.Step{
		{Op: nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{code}}},
	}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "job"), image.ELF, 0o755)
	}
	if err == nil {
		config := fmt.Sprintf(`{"ociVersion":"1.0.2","root":{"path":"/"},"process":{"cwd":"/","args":[%q]},"linux":{}}`, dir+"/job")
		err = os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func setBundle(t *testing.T, rt *Runtime, id, bundle string) {
	t.Helper()
	d, err := rt.Store.Lock(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rt.Store.Load(id)
	if err == nil {
		r.Bundle = bundle
		err = d.Write(*r)
	}
	if err = errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
}
