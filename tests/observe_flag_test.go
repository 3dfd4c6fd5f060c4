package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// run --observe: attached before the program starts, written when run returns.
func TestRunObserves(t *testing.T) {
	r := observeRig(t)
	for ending, begins := range map[string]string{"txt": "container ", "json": `{"kind":"timeline"`, "html": "<!DOCTYPE html>", "pftrace": "\n"} {
		t.Run(ending, func(t *testing.T) {
			c := r.Container(rig.Sh("sleep 0 & wait; exit 7"))
			file := r.Path("t." + ending)
			if x := c.Run("--observe", file); x.Code != 7 || x.Stderr != "" {
				t.Errorf("code %d: %s", x.Code, x.Stderr)
			}
			if text := r.Read(file); !strings.HasPrefix(text, begins) {
				t.Errorf("%.80q", text)
			}
			if ending == "json" {
				list := readTimeline(r, file)
				inOrder(t, list, "1 exec", "1 fork", "2 exec", "2 exit 0x0", "1 exit 0x700", "1 ended 0x700")
				for _, mark := range []string{"CLONE_NEWPID", "/cgroup.procs", "lets PID 1 go on", "has reaped PID 1: exit status 7"} {
					if !strings.Contains(wordsOf(list), mark) {
						t.Errorf("no mark %q", mark)
					}
				}
			}
		})
	}
}

// A file that cannot be written is an error before there is a container.
func TestAnObserverThatCannotWriteIsAnErrorOfTheVerb(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("exit 0"))
	wants(t, c.Run("--observe", r.Path("no/such")), 1, "observe: open", "no such file or directory", "!exit status")
	wants(t, c.Create("--observe", r.Path("no/such")), 1, "observe: open", "no such file or directory")
	if c.Exists() {
		t.Error("a container is left")
	}
	host := r.Container(rig.Sh("exit 0"), rig.HostNamespace(specs.PIDNamespace))
	wants(t, host.Create("--observe", r.Path("file")), 1, "no PID namespace of its own")
	if _, err := os.Stat(r.Path("file")); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}

// Files that are no good for an observer in the background are errors at once,
// and leave no observer; one that fails later is said once.
func TestAnObserverIsToldWhereItCannotWrite(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("exit 4"))
	for _, file := range []string{"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"} {
		wants(t, c.Run("--observe", file), 1, "--observe "+file+": the observer has no descriptor of its caller's: name a file")
	}
	fifo := r.Path("fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, c.Run("--observe", fifo), 1, "observe: open "+fifo+": no such device or address")
	if c.Exists() || !rig.Eventually(func() bool { return len(observers(c.ID)) == 0 }) {
		t.Errorf("left: container %v, observers %v", c.Exists(), observers(c.ID))
	}
	for _, ending := range []string{"txt", "json", "html", "pftrace"} {
		file := r.Path("full." + ending)
		if err := os.Symlink("/dev/full", file); err != nil {
			t.Fatal(err)
		}
		if x := c.Run("--observe", file); x.Code != 4 || strings.Count(x.Stderr, "no space left on device") != 1 {
			t.Errorf("%s: code %d: %s", ending, x.Code, x.Stderr)
		}
	}
}

// An observer that comes to nothing removes its file, but never one that was there: it may be /dev/null.
func TestAFileThatWasThereStays(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("exit 4")).MustCreate().MustStart()
	c.WaitStopped()
	old := r.Write("old.txt", "", 0o600)
	for file, stays := range map[string]bool{old: true, r.Path("new.txt"): false} {
		x := stopIt(c, "--observe", file)
		if want := "observe: the container has stopped already, and no file is written"; x.Code != 0 || !strings.Contains(x.Stderr, want) {
			t.Errorf("code %d, no %q in %s", x.Code, want, x.Stderr)
		}
		if _, err := os.Lstat(file); (err == nil) != stays {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// observers are the observer processes of a container.
func observers(id string) (pids []int) {
	for _, pid := range rig.OurProcesses() {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"); slices.Contains(args, "observe") && args[len(args)-1] == id {
			pids = append(pids, pid)
		}
	}
	return pids
}

// The annotation is for engines: create returns, its pipes end, and what stays
// is one observer that holds nothing of the engine's and ends with the container.
func TestAnEnginesContainerIsObserved(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("sleep 1000"), func(s *specs.Spec) { s.Annotations = map[string]string{"minirun.observe": "timeline.json"} })
	held, err := os.Open(r.Write("held", "", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if x := c.CreateWith([]rig.Option{rig.Files(held), rig.Cwd(c.Bundle)}); x.Code != 0 {
		t.Fatal(x.Stderr)
	}
	pids := observers(c.ID)
	if len(pids) != 1 {
		t.Fatalf("observers: %v", pids)
	}
	pid := pids[0]
	fds, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.HasPrefix(to, r.Dir) && to != c.Bundle+"/timeline.json" && !strings.HasPrefix(to, c.Root) {
			t.Errorf("it holds %s", to)
		}
	}
	for n := range 3 {
		if to, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(n)); to != "/dev/null" {
			t.Errorf("descriptor %d is %s", n, to)
		}
	}
	if cwd, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); cwd != "/" {
		t.Errorf("its working directory is %s", cwd)
	}
	if strings.Contains(r.Proc(pid, "cgroup"), c.ID) {
		t.Error("it is in the container's cgroup")
	}
	if rig.Stat(pid).Session != pid {
		t.Error("it is in the engine's session")
	}
	c.MustStart()
	c.Stop()
	c.MustDelete()
	if !rig.Gone(pid) {
		t.Error("the observer lives on")
	}
	inOrder(t, readTimeline(r, c.Bundle+"/timeline.json"), "1 exec", "0>1 KILL minirun fatal", "1 exit 0x9", "1 ended 0x9")
}

// stop and exec observe for as long as they take.
func TestStopAndExecObserve(t *testing.T) {
	r := observeRig(t)
	c := deaf(r)
	x := c.Do("exec", "--observe", r.Path("exec.json"), c.ID, "sh", "-c", "kill -TERM 1; exit 5")
	if x.Code != 5 || x.Stderr != "" {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
	list := readTimeline(r, r.Path("exec.json"))
	ignored, left := false, false
	for _, e := range list {
		ignored = ignored || e.Kind == "generate" && e.SignalName == "SIGTERM" && e.Task.Inside > 1 && e.Target.Inside == 1 && e.Outcome == "ignored"
		left = left || e.Kind == "exit" && e.Status != nil && *e.Status == 0x500
	}
	if !ignored || !left || c.Status() != "running" {
		t.Errorf("TERM ignored %v, exit 5 %v, %s:\n%s", ignored, left, c.Status(), r.Read(r.Path("exec.json")))
	}
	wants(t, stopIt(c, "--fast", "--observe", r.Path("stop.json")), 0, "gone")
	list = readTimeline(r, r.Path("stop.json"))
	inOrder(t, list, "1 census *", "stop: killed", "0>1 KILL minirun fatal", "1 exit 0x9", "1>2 KILL zap fatal", "stop: gone")
	inOrder(t, list, "1 exit 0x9", "1 ended 0x9") // which the observer sees when it has time to
}

// A killed observer leaves an instance that the next one removes, and no verb waits for it.
func TestAKilledObserverHoldsNobodyUp(t *testing.T) {
	r := observeRig(t)
	c := up(r, "sleep 1000")
	w := observed(c, nil, "--source", "tracefs")
	w.Cmd.Process.Kill()
	w.Wait()
	left := instances()
	if len(left) == 0 {
		t.Error("SIGKILL has left no instance: what is swept?")
	}
	second := observed(c, nil, "--source", "tracefs")
	for _, name := range instances() {
		if slices.Contains(left, name) {
			t.Errorf("%s is left", name)
		}
	}
	c.OK("kill", c.ID, "KILL")
	inOrder(t, second.timeline(), "0>1 KILL minirun fatal", "1 ended 0x9")
	if now := instances(); len(now) > 0 {
		t.Errorf("left: %v", now)
	}
}

// instances are those of the processes of this run: their names have the pids.
func instances() (list []string) {
	names, _ := filepath.Glob("/sys/kernel/tracing/instances/minirun-*")
	for _, name := range names {
		parts := strings.Split(filepath.Base(name), "-")
		pid, _ := strconv.Atoi(parts[2])
		if _, err := os.Stat("/proc/" + parts[2]); err == nil && !slices.Contains(rig.OurProcesses(), pid) {
			continue
		}
		if _, err := os.Stat(name); err == nil { // or its owner, whoever that is, has just ended
			list = append(list, name)
		}
	}
	return list
}

// Within a container, as in docker's docker, the kernel's pids are not those of
// /proc: sources that have them from the kernel are not available there.
func TestObserveWithinAContainer(t *testing.T) {
	r := observeRig(t)
	c := r.Container(rig.Sh("kill -USR1 $$; sleep 0; exit 7"))
	args := []string{"--fork", "--pid", "--mount-proc", r.Runtime.Path, "--root", r.Root, "run", "--observe", r.Path("t.txt"), "--bundle", c.Bundle, c.ID}
	out, err := exec.Command("/usr/bin/unshare", args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, out)
	}
	text := r.Read(r.Path("t.txt"))
	if !strings.Contains(text, "source proc") || strings.Count(text, "from within a container") != 2 || !strings.Contains(text, "ended with 7") {
		t.Error(text)
	}
}
