package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWaitTellsAnExitWhoeverReaps(t *testing.T) {
	for script, want := range map[string]unix.WaitStatus{"exit 0": 0, "exit 42": 42 << 8, "exit 255": 255 << 8} {
		rt, _ := testRuntime(t)
		cmd, end := gatedInit(t, rt, "c1", "read x; "+script)
		done := make(chan error, 1)
		var e *ExitRecord
		go func() {
			var err error
			e, err = rt.Wait("c1", WaitForever)
			done <- err
		}()
		awaitPidfds(t, cmd.Process.Pid, 2)
		awaitPoll(t) // Wait has proved whose pidfd it is
		end()
		if s := reaped(cmd); s != want {
			t.Fatalf("%s: status %#x", script, s)
		}
		switch err := <-done; {
		case err == ErrExitUnknown && !pidfdsTell():
		case err != nil || e.Status != want || !e.Watched:
			t.Errorf("%s: %+v, %v", script, e, err)
		}
	}
}

// A zombie that nobody has reaped, and a pidfd from before one that is.
func TestWaitKnowsTheStatusBeforeAndAfterTheReaping(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd, r := shInit(t, rt, "c1", "exit 42")
	p, err := openInit(r)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	becomesZombie(t, cmd.Process.Pid)
	e, err := rt.Wait("c1", time.Minute)
	if err != nil || e.Code() != 42 || e.Reason != Exited {
		t.Errorf("a zombie: %+v, %v", e, err)
	}
	if _, ok := reapedStatus(p.pidfd); ok {
		t.Error("the pidfd tells before the reaping")
	}
	cmd.Wait()
	if s, ok := reapedStatus(p.pidfd); ok != pidfdsTell() || ok && s != 42<<8 {
		t.Errorf("the pidfd tells %#x, %v", s, ok)
	}
	if e, err := rt.Wait("c1", time.Minute); err != nil || e.Code() != 42 {
		t.Errorf("the record: %+v, %v", e, err)
	}
}

func TestWaitSaysWhatItCannotKnow(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd, _ := shInit(t, rt, "c1", "exit 42")
	cmd.Wait()
	if _, err := rt.Wait("c1", 0); err != ErrExitUnknown {
		t.Errorf("reaped before: %v", err)
	}
	rt.KeepExit = true
	if err := rt.Delete("c1", false); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Wait("c1", 0); err != ErrExitUnknown {
		t.Errorf("kept: %v", err)
	}
	if _, err := rt.Wait("c2", 0); err != ErrNotExist {
		t.Errorf("never there: %v", err)
	}
}

func TestWaitGivesUpInTime(t *testing.T) {
	rt, _ := testRuntime(t)
	keep(t, rt.Store, recordOf(t, "c1", sleeper(t, nil).Process.Pid))
	if _, err := rt.Wait("c1", 10*time.Millisecond); !errors.Is(err, ErrStillRuns) {
		t.Error(err)
	}
}

func TestAKeptExitOutlivesItsContainerAndNoOther(t *testing.T) {
	rt, _ := testRuntime(t)
	end := func(script string) {
		t.Helper()
		cmd, _ := shInit(t, rt, "c1", script)
		becomesZombie(t, cmd.Process.Pid)
		if err := rt.Delete("c1", false); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
	}
	rt.KeepExit = true
	end("exit 5")
	if e, err := rt.Wait("c1", 0); err != nil || e.Code() != 5 {
		t.Fatalf("%+v, %v", e, err)
	}
	if names, err := rt.Store.Names(); len(names) > 0 || err != nil {
		t.Errorf("it is listed: %v, %v", names, err)
	}
	end("exit 6")
	if e, err := rt.Wait("c1", 0); err != nil || e.Code() != 6 {
		t.Fatalf("of its successor: %+v, %v", e, err)
	}
	rt.KeepExit = false
	end("exit 7")
	if e, err := rt.Wait("c1", 0); err != ErrNotExist {
		t.Errorf("nothing is kept of the last, and wait says %+v, %v", e, err)
	}
	rt.KeepExit = true
	end("exit 8")
	rt.KeepExit = false
	if err := rt.Delete("c1", true); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(rt.Store.Root, keptDir, "*")); len(left) > 0 {
		t.Errorf("delete --force leaves %v", left)
	}
}

func TestADamagedExitRecordIsAnErrorOfWaitAndNotOfDelete(t *testing.T) {
	rt, warnings := testRuntime(t)
	cmd, _ := shInit(t, rt, "c1", "exit 5")
	becomesZombie(t, cmd.Process.Pid)
	defer cmd.Wait()
	if err := os.WriteFile(filepath.Join(rt.Store.Root, "c1", exitFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := rt.Wait("c1", 0); err == nil {
		t.Errorf("%+v", e)
	}
	rt.KeepExit = true
	if err := rt.Delete("c1", false); err != nil || len(*warnings) != 1 {
		t.Errorf("%v, warnings %q", err, *warnings)
	}
}

func TestOOMKillsAreCountedBeforeTheCgroupGoes(t *testing.T) {
	rt, _ := testRuntime(t)
	g := group(t)
	cmd, r := shInit(t, rt, "c1", "sleep 1000")
	join(t, g, cmd.Process.Pid)
	r.Cgroups = g.Paths()
	d, err := rt.Store.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(d.Write(*r), d.Close()); err != nil {
		t.Fatal(err)
	}
	rt.KeepExit = true
	if err := rt.Delete("c1", true); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	e, err := rt.Wait("c1", 0)
	if err != nil || e.Reason != Killed || e.Pids == nil || e.Memory == nil || !e.Watched {
		t.Errorf("%+v, %v", e, err)
	}
}
