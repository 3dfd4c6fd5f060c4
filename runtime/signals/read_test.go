package signals

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A procfs is a directory that looks like one.
type procfs struct {
	t   *testing.T
	dir string
}

func (p procfs) file(name, text string) {
	p.t.Helper()
	name = filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// thread adds a thread of process 4711 that has a mask and sleeps in a system call.
func (p procfs) thread(tid int, blocked Set, syscall string) {
	dir := fmt.Sprintf("4711/task/%d/", tid)
	status := strings.ReplaceAll(statusText, "SigBlk:\t0000000000010000", fmt.Sprintf("SigBlk:\t%016x", uint64(blocked)))
	p.file(dir+"status", strings.Replace(status, "\nPid:\t4711", fmt.Sprintf("\nPid:\t%d", tid), 1))
	p.file(dir+"stat", fmt.Sprintf("%d (tini) S 4700 4711 4711 0 -1 4194304 0 0", tid))
	p.file(dir+"syscall", syscall)
}

func newProcfs(t *testing.T) procfs {
	p := procfs{t, t.TempDir()}
	p.file("4700/stat", "4700 (sh) S 1 4700 4700 0 -1 4194304 0 0")
	p.file("4711/stat", "4711 (tini) S 4700 4711 4711 0 -1 4194304 0 0")
	p.file("sys/kernel/version", "")
	return p
}

const inPause = "34 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f\n"

func TestReadFindsWhatProcHides(t *testing.T) {
	p := newProcfs(t)
	waits := fmt.Sprintf("%d 0x10 0x0 0x0 0x8 0x0 0x0 0x7ffd 0x7f\n", unix.SYS_RT_SIGTIMEDWAIT)
	p.thread(4712, 0, waits) // listed before or after: the main thread comes first
	p.thread(4711, SetOf(1, 15), inPause)
	memory := binary.NativeEndian.AppendUint64(make([]byte, 16), uint64(SetOf(1)))
	p.file("4711/task/4712/mem", string(memory))
	p.file("4711/fd/x", "")
	for fd, target := range map[string]string{"3": "anon_inode:[signalfd]", "4": "anon_inode:[eventfd]", "5": "anon_inode:[signalfd]"} {
		if err := os.Symlink(target, filepath.Join(p.dir, "4711/fd", fd)); err != nil {
			t.Fatal(err)
		}
	}
	p.file("4711/fdinfo/3", "pos:\t0\nsigmask:\t0000000000004000\n") // 5 has been closed meanwhile
	p.file("4711/fdinfo/4", "pos:\t0\nsigmask:\tffffffffffffffff\n")

	task, err := Read(filepath.Join(p.dir, "4711"))
	if err != nil {
		t.Fatal(err)
	}
	if task.Pid != 4711 || len(task.Threads) != 2 || task.Threads[0].Pid != 4711 || task.Threads[1].Awaits != SetOf(1) {
		t.Errorf("threads: %+v", task.Threads)
	}
	if task.Signalfd != SetOf(15) || len(task.Gaps) != 0 {
		t.Errorf("signalfd %x, gaps %q", task.Signalfd, task.Gaps)
	}
	for sig, want := range map[int]string{1: "awaited", 15: "signalfd", 2: ""} {
		if got := task.Mask(sig); got != want {
			t.Errorf("%s: mask %q, want %q", Name(sig), got, want)
		}
	}
}

func TestReadSaysWhatItCouldNotRead(t *testing.T) {
	p := newProcfs(t)
	waits := fmt.Sprintf("%d 0x10 0x0 0x0 0x8 0x0 0x0 0x7ffd 0x7f\n", unix.SYS_RT_SIGTIMEDWAIT)
	p.thread(4711, SetOf(1), waits)   // no mem, no fd
	p.thread(4712, 0, "what is this") // not as proc_pid_syscall(5) says
	p.thread(4713, 0, "running\n")
	task, err := Read(filepath.Join(p.dir, "4711"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(task.Gaps, "\n")
	for _, want := range []string{"waits in sigtimedwait for unknown signals", "may wait in sigtimedwait", "a signalfd may take what is blocked"} {
		if !strings.Contains(got, want) {
			t.Errorf("no gap says %q: %q", want, got)
		}
	}
	if len(task.Gaps) != 3 {
		t.Errorf("gaps: %q", task.Gaps)
	}
}

func TestReadLooksUpTheProcessGroup(t *testing.T) {
	for stat, want := range map[string]bool{
		"4711 (tini) S 4700 4711 4711 0 -1 4194304 0 0": true,  // leads a session of its own
		"4711 (tini) S 4700 4711 4700 0 -1 4194304 0 0": false, // a job of its parent's session
	} {
		p := newProcfs(t)
		p.thread(4711, 0, inPause)
		p.file("4711/task/4711/status", strings.Replace(statusText, "NSpid:\t4711\t1", "NSpid:\t4711\t7", 1))
		p.file("4711/stat", stat)
		task, err := Read(filepath.Join(p.dir, "4711"))
		if err != nil || task.Orphaned != want {
			t.Errorf("%s: orphaned %v, %v", stat, task.Orphaned, err)
		}
	}
}

func TestReadRefusesWhatIsNoProcess(t *testing.T) {
	p := newProcfs(t)
	p.file("empty/task/.keep/status", "")
	for dir, want := range map[string]string{
		"4799":  "no such process",
		"empty": "parse status: a line is missing",
	} {
		_, err := Read(filepath.Join(p.dir, dir))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read signals of ") {
			t.Errorf("%s: %v, want %s", dir, err, want)
		}
	}
	if _, err := Read(filepath.Join(p.dir, "4799")); !errors.Is(err, unix.ESRCH) {
		t.Errorf("errno: %v", err)
	}
}
