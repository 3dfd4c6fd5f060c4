package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDeleteRefusesWhatIsAlive(t *testing.T) {
	p := populate(t)
	err := p.rt.Delete("c1", false)
	if want := "cannot delete container c1 that is not stopped: running"; text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	stillRuns(t, p.init)
	if err := p.g.Freeze(); err != nil {
		t.Fatal(err)
	}
	err = p.rt.Delete("c1", false)
	var not *NotStoppedError
	if !errors.As(err, &not) || not.Status != Paused {
		t.Errorf("paused: %v", err)
	}
	wantStatus(t, p.rt, "c1", Paused)
}

func TestDeleteForceEndsEverythingAndLeavesNothing(t *testing.T) {
	for _, state := range []string{"running", "paused", "init dead"} {
		t.Run(state, func(t *testing.T) {
			p := populate(t)
			switch state {
			case "paused":
				if err := p.g.Freeze(); err != nil {
					t.Fatal(err)
				}
			case "init dead":
				p.endInit(t)
			}
			if err := p.rt.Delete("c1", true); err != nil {
				t.Fatal(err)
			}
			for _, o := range p.others {
				endedBy(t, o, syscall.SIGKILL)
			}
			wantNames(t, p.rt.Store)
			for _, dir := range p.g.Paths() {
				if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", dir, err)
				}
			}
		})
	}
}

// podman deletes containers in a shared PID namespace without kill --all.
func TestDeleteKillsWhatADeadInitHasLeft(t *testing.T) {
	p := populate(t)
	p.endInit(t)
	if err := p.rt.Delete("c1", false); err != nil {
		t.Fatal(err)
	}
	for _, o := range p.others {
		endedBy(t, o, syscall.SIGKILL)
	}
	wantNames(t, p.rt.Store)
}

func TestDeleteEndsAContainerThatWasNeverStarted(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd := sleeper(t, nil)
	r := recordOf(t, "c1", cmd.Process.Pid)
	var st unix.Stat_t
	if err := unix.Stat("/bin/sleep", &st); err != nil {
		t.Fatal(err)
	}
	r.ImageDev, r.ImageIno, r.OwnPidNS = st.Dev, st.Ino, true
	keep(t, rt.Store, r)
	if err := rt.Delete("c1", false); err != nil {
		t.Fatal(err)
	}
	endedBy(t, cmd, syscall.SIGKILL)
	wantNames(t, rt.Store)
}

// A create can be killed between the clone and the record of the pid; its
// process is then only to be found in the cgroup.
func TestDeleteEndsTheUnrecordedProcessOfAKilledCreate(t *testing.T) {
	for _, force := range []bool{false, true} {
		rt, _ := testRuntime(t)
		g := group(t)
		cmd := sleeper(t, nil)
		join(t, g, cmd.Process.Pid)
		keep(t, rt.Store, &Record{ID: "c1", Creating: true, OwnPidNS: true, Cgroups: g.Paths()})
		if err := rt.Delete("c1", force); err != nil {
			t.Fatal(err)
		}
		endedBy(t, cmd, syscall.SIGKILL)
		wantNames(t, rt.Store)
	}
}

func TestDeleteOfNothing(t *testing.T) {
	rt, _ := testRuntime(t)
	if err := rt.Delete("c1", false); err != ErrNotExist {
		t.Errorf("got %v", err)
	}
	if err := rt.Delete("c1", true); err != nil {
		t.Errorf("force: %v", err)
	}
	if err := rt.Delete("../c1", true); err == nil {
		t.Error("an id that is none was deleted")
	}
}

func TestDeleteForceRemovesADamagedRecordWithAWarning(t *testing.T) {
	rt, warnings := testRuntime(t)
	keep(t, rt.Store, &Record{ID: "c1"})
	if err := os.WriteFile(filepath.Join(rt.Store.Root, "c1", recordFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rt.Delete("c1", false); err == nil {
		t.Error("a damaged record was deleted without force")
	}
	wantNames(t, rt.Store, "c1")
	if err := rt.Delete("c1", true); err != nil || len(*warnings) != 1 {
		t.Errorf("force: %v, warnings %q", err, *warnings)
	}
	wantNames(t, rt.Store)
}

// freezerBelow makes a version 1 freezer group that is not below the
// container's, and freezes a process in it: nothing that delete does can thaw it.
func freezeElsewhere(t *testing.T, pid int) (thaw func()) {
	t.Helper()
	dir := "/sys/fs/cgroup/freezer/minirun-test-elsewhere-" + strconv.Itoa(os.Getpid())
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
			t.Error(err)
		}
	}
	thaw = func() { write("freezer.state", "THAWED") }
	t.Cleanup(func() {
		thaw()
		for start := time.Now(); ; time.Sleep(time.Millisecond) {
			err := os.Remove(dir)
			if err == nil {
				return
			}
			if time.Since(start) > soon {
				t.Errorf("remove: %v", err)
				return
			}
		}
	})
	write("cgroup.procs", strconv.Itoa(pid))
	write("freezer.state", "FROZEN")
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(filepath.Join(dir, "freezer.state")); string(text) == "FROZEN\n" {
			return thaw
		}
		if time.Since(start) > soon {
			t.Fatalf("process %d does not freeze", pid)
		}
	}
}

// childOf is the one child of a process.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	for _, tid := range numbersIn(procPath(pid) + "/task") {
		text, err := os.ReadFile(procPath(pid) + "/task/" + strconv.Itoa(tid) + "/children")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return n
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

// The init is dead by all that ps shows, and its namespace is not over: a
// child is frozen. runc 1.1 and crun 1.8 say stopped; their delete -f leaves it.
func TestAnInitInZapIsNotStoppedAndDeleteNamesWhoBlocksIt(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/freezer/cgroup.procs"); err != nil {
		t.Skip("no version 1 freezer: version 2 kills what is frozen")
	}
	rt, _ := testRuntime(t)
	g := group(t)
	init, _ := player(t, "parent", "", newPidNS)
	child := childOf(t, init.Process.Pid)
	join(t, g, init.Process.Pid, child)
	r := recordOf(t, "c1", init.Process.Pid)
	r.Cgroups, r.OwnPidNS = g.Paths(), true
	keep(t, rt.Store, r)
	thaw := freezeElsewhere(t, child)

	p, err := openInit(r)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	err = endInit(p, time.Now().Add(time.Second))
	who := strconv.Itoa(child) + " (sleep) D in "
	if err == nil || !strings.Contains(err.Error(), who) {
		t.Errorf("got %v, want it to name %s", err, who)
	}
	wantStatus(t, rt, "c1", Running)
	if err := rt.Delete("c1", false); err == nil {
		t.Error("deleted while its namespace lives")
	}

	thaw()
	if err := rt.Delete("c1", true); err != nil {
		t.Errorf("after the thaw: %v", err)
	}
	endedBy(t, init, syscall.SIGKILL)
	wantNames(t, rt.Store)
}

// A container may freeze its own children, in a group below its own.
func TestDeleteForceThawsGroupsBelowTheContainers(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/freezer/cgroup.procs"); err != nil {
		t.Skip("no version 1 freezer: version 2 kills what is frozen")
	}
	rt, _ := testRuntime(t)
	g := group(t)
	init, _ := player(t, "parent", "", newPidNS)
	child := childOf(t, init.Process.Pid)
	join(t, g, init.Process.Pid, child)
	below := g.Paths()["freezer"] + "/below"
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, w := range [][2]string{{"cgroup.procs", strconv.Itoa(child)}, {"freezer.state", "FROZEN"}} {
		if err := os.WriteFile(filepath.Join(below, w[0]), []byte(w[1]), 0); err != nil {
			t.Fatal(err)
		}
	}
	r := recordOf(t, "c1", init.Process.Pid)
	r.Cgroups, r.OwnPidNS = g.Paths(), true
	keep(t, rt.Store, r)
	if err := rt.Delete("c1", true); err != nil {
		t.Fatal(err)
	}
	endedBy(t, init, syscall.SIGKILL)
	wantNames(t, rt.Store)
}
