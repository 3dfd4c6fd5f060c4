package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStatusOfARealProcess(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd := sleeper(t, nil)
	keep(t, rt.Store, recordOf(t, "c1", cmd.Process.Pid))
	wantStatus(t, rt, "c1", Running)
	if s, _ := rt.State("c1"); s.Pid != cmd.Process.Pid {
		t.Errorf("pid %d, want %d", s.Pid, cmd.Process.Pid)
	}
	cmd.Process.Kill()
	becomesZombie(t, cmd.Process.Pid)
	wantStatus(t, rt, "c1", Stopped) // nobody has reaped it
	cmd.Wait()
	wantStatus(t, rt, "c1", Stopped)
	if s, _ := rt.State("c1"); s.Pid != 0 {
		t.Errorf("stopped with pid %d", s.Pid)
	}
}

func TestAProcessIsCreatedWhileItExecutesTheImage(t *testing.T) {
	rt, _ := testRuntime(t)
	r := recordOf(t, "c1", sleeper(t, nil).Process.Pid)
	var st unix.Stat_t
	if err := unix.Stat("/bin/sleep", &st); err != nil {
		t.Fatal(err)
	}
	r.ImageDev, r.ImageIno = st.Dev, st.Ino
	keep(t, rt.Store, r)
	wantStatus(t, rt, "c1", Created)
}

// The process lives in each of these cases, but it is not the recorded one.
func TestAStrangerWithTheSamePidIsNotTheContainer(t *testing.T) {
	pid := sleeper(t, nil).Process.Pid
	for what, change := range map[string]func(*Record){
		"start time":    func(r *Record) { r.StartTime-- },
		"boot":          func(r *Record) { r.BootID = "00000000-0000-0000-0000-000000000000" },
		"PID namespace": func(r *Record) { r.PidNS++ },
	} {
		t.Run(what, func(t *testing.T) {
			rt, _ := testRuntime(t)
			r := recordOf(t, "c1", pid)
			change(r)
			keep(t, rt.Store, r)
			wantStatus(t, rt, "c1", Stopped)
			if err := rt.Kill("c1", unix.SIGKILL, false); err != ErrNotRunning {
				t.Errorf("kill: %v", err)
			}
			if err := rt.Delete("c1", true); err != nil {
				t.Errorf("delete: %v", err)
			}
			if stat, err := statOf(procPath(pid)); err != nil || stat.State == 'Z' {
				t.Errorf("the stranger was hit: %c, %v", stat.State, err)
			}
		})
	}
}

// A thread's number is a pid for /proc, and not for pidfd_open.
func TestAThreadWithTheSamePidIsNotTheContainer(t *testing.T) {
	rt, _ := testRuntime(t)
	tid := 0
	for _, n := range numbersIn("/proc/self/task") {
		if n != os.Getpid() {
			tid = n
		}
	}
	r := recordOf(t, "c1", os.Getpid())
	r.Pid = tid
	keep(t, rt.Store, r)
	wantStatus(t, rt, "c1", Stopped)
}

// runc 1.1 and crun 1.8 call this one stopped: its leader is a zombie.
func TestADeadLeaderWithALiveThreadIsNotStopped(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd, _ := player(t, "leaderless", "", nil)
	pid := cmd.Process.Pid
	if stat, err := statOf(procPath(pid)); err != nil || stat.State != 'Z' {
		t.Fatalf("the leader is %c, %v", stat.State, err)
	}
	keep(t, rt.Store, recordOf(t, "c1", pid))
	wantStatus(t, rt, "c1", Running)
	if err := rt.Kill("c1", unix.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	becomesZombie(t, pid)
	wantStatus(t, rt, "c1", Stopped)
}

func TestAFrozenContainerIsPaused(t *testing.T) {
	rt, _ := testRuntime(t)
	g := group(t)
	cmd := sleeper(t, nil)
	join(t, g, cmd.Process.Pid)
	r := recordOf(t, "c1", cmd.Process.Pid)
	r.Cgroups = g.Paths()
	keep(t, rt.Store, r)
	wantStatus(t, rt, "c1", Running)
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, rt, "c1", Paused)
	if err := g.Thaw(); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, rt, "c1", Running)
}

func TestStateDoesNotMindCgroupsThatAreGone(t *testing.T) {
	rt, _ := testRuntime(t)
	r := recordOf(t, "c1", sleeper(t, nil).Process.Pid)
	r.Cgroups = map[string]string{"freezer": "/sys/fs/cgroup/freezer/no-such-group", "": "/sys/fs/cgroup/no-such-group"}
	keep(t, rt.Store, r)
	wantStatus(t, rt, "c1", Running)
}

func TestCreatingIsToldFromTheRemainsOfAKilledCreate(t *testing.T) {
	rt, _ := testRuntime(t)
	keep(t, rt.Store, &Record{ID: "c1", Creating: true})
	wantStatus(t, rt, "c1", Stopped)
	d, err := rt.Store.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, rt, "c1", Creating)
	if err := rt.Kill("c1", unix.SIGTERM, true); err != ErrNotRunning && err != nil {
		t.Errorf("kill: %v", err)
	}
	d.Close()
}

func TestListShowsWhatCanBeReadAndWarnsOfTheRest(t *testing.T) {
	rt, warnings := testRuntime(t)
	r := recordOf(t, "b", sleeper(t, nil).Process.Pid)
	r.Owner = 0
	keep(t, rt.Store, r)
	keep(t, rt.Store, &Record{ID: "a"})
	keep(t, rt.Store, &Record{ID: "broken"})
	if err := os.WriteFile(filepath.Join(rt.Store.Root, "broken", recordFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rt.Store.Root, "a-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	states, err := rt.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range states {
		got = append(got, s.ID+" "+string(s.Status)+" "+s.Owner)
	}
	if want := "a stopped root, b running root"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(*warnings) != 1 || !strings.HasPrefix((*warnings)[0], "broken: ") {
		t.Errorf("warnings: %q", *warnings)
	}
}

func TestListOfARootThatIsNotThereIsEmpty(t *testing.T) {
	rt := &Runtime{Store: Store{Root: filepath.Join(t.TempDir(), "none")}}
	if states, err := rt.List(); err != nil || len(states) != 0 {
		t.Errorf("%v, %v", states, err)
	}
}

var newPidNS = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}

// The kernel's word for a link whose process is reaped under the reader's
// hands is that of one that nobody may follow.
func TestALinkOfAReapedProcessIsToldFromOneThatIsForbidden(t *testing.T) {
	cmd := sleeper(t, nil)
	pid := cmd.Process.Pid
	link, err := unix.Open(procPath(pid)+"/ns/pid", unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(link)
	if released(pid, fmt.Errorf("stat: %w", unix.EACCES)) {
		t.Error("a process that runs was taken for one that is no more")
	}
	cmd.Process.Kill()
	cmd.Wait()
	_, err = unix.Readlinkat(link, "", make([]byte, 64))
	if err != unix.EACCES {
		t.Errorf("the kernel says %v, not EACCES", err)
	}
	if !released(pid, fmt.Errorf("readlink: %w", err)) {
		t.Error("a reaped process was not")
	}
	if released(pid, unix.ENOMEM) {
		t.Error("another error was taken for the end of a process")
	}
}
