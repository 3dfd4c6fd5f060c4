package signals

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"

	"golang.org/x/sys/unix"
)

// Read looks at a process through its directory in a procfs, such as
// /proc/4711. It is the caller's to hold the process with a pidfd, and to
// compare its start time, when the pid could have been reused. A process that is gone is
// unix.ESRCH. What must not be read goes into Gaps and is no error:
// /proc/PID/syscall, mem and fd want PTRACE_MODE_ATTACH or _READ (ptrace(2)).
func Read(dir string) (Task, error) {
	var t Task
	err := readThreads(&t, dir)
	if err == nil && len(t.Threads) == 0 {
		err = unix.ESRCH
	}
	if err != nil {
		return Task{}, fmt.Errorf("read signals of %s: %w", dir, err)
	}
	t.Status = t.Threads[0].Status
	t.readSignalfds(dir)
	t.readGroup(dir)
	return t, nil
}

// readThreads reads every thread. One that ends meanwhile is passed over.
func readThreads(t *Task, dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return gone(err)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() == filepath.Base(dir) })
	for _, entry := range entries {
		th, err := t.readThread(filepath.Join(dir, "task", entry.Name()))
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return err
		}
		t.Threads = append(t.Threads, th)
	}
	return nil
}

func (t *Task) readThread(dir string) (th Thread, err error) {
	text, err := read(dir, "status")
	if err != nil {
		return th, err
	}
	if th.Status, err = ParseStatus(text); err != nil {
		return th, err
	}
	if text, err = read(dir, "stat"); err != nil {
		return th, err
	}
	stat, err := ParseStat(text)
	th.Exiting = stat.Exiting
	if (th.State == 'S' || th.State == 'D') && !th.Exiting { // D: asleep and frozen
		th.Awaits = t.readAwaits(dir)
	}
	return th, err
}

// readAwaits asks in which system call a sleeping thread is and, when that
// is rt_sigtimedwait, reads the set from the thread's memory.
func (t *Task) readAwaits(dir string) Set {
	text, err := read(dir, "syscall")
	if err != nil {
		t.gap("a thread may wait in sigtimedwait", err)
		return 0
	}
	call, err := ParseSyscall(text)
	if err != nil {
		t.gap("a thread may wait in sigtimedwait", err)
		return 0
	}
	if call.Number != unix.SYS_RT_SIGTIMEDWAIT {
		return 0
	}
	set, err := readSet(filepath.Join(dir, "mem"), call.Args[0])
	if err != nil {
		t.gap("a thread waits in sigtimedwait for unknown signals", err)
	}
	return set
}

func readSet(mem string, address uint64) (Set, error) {
	f, err := os.Open(mem)
	if err != nil {
		return 0, gone(err)
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], int64(address)); err != nil {
		return 0, gone(err)
	}
	return Set(binary.NativeEndian.Uint64(b[:])), nil
}

// readSignalfds looks for signalfds where a signal is blocked that one could take.
func (t *Task) readSignalfds(dir string) {
	if t.Blocked == 0 || t.Dying() {
		return
	}
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		t.gap("a signalfd may take what is blocked", gone(err))
	}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if err != nil || target != "anon_inode:[signalfd]" {
			continue
		}
		t.readSignalfd(filepath.Join(dir, "fdinfo"), fd.Name())
	}
}

func (t *Task) readSignalfd(dir, fd string) {
	text, err := read(dir, fd)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	accepts, _, parseErr := ParseSignalfd(text)
	if err = errors.Join(err, parseErr); err != nil {
		t.gap("a signalfd takes unknown signals", err)
	}
	t.Signalfd |= accepts
}

// readGroup finds out whether the process group is orphaned. An init
// ignores terminal stops in any case, so for it nobody need be asked.
func (t *Task) readGroup(dir string) {
	if t.Init() {
		return
	}
	all, err := readStats(filepath.Dir(dir))
	if err != nil {
		t.gap("a terminal stop may do nothing, if the process group is orphaned", err)
		return
	}
	t.Orphaned = orphaned(all[t.Pid].Group, all)
}

func readStats(procfs string) (map[int]Stat, error) {
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil, err
	}
	all := make(map[int]Stat, len(entries))
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := read(filepath.Join(procfs, entry.Name()), "stat")
		if err != nil {
			continue // ended meanwhile
		}
		if all[pid], err = ParseStat(text); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// gap notes once what is uncertain because of an error.
func (t *Task) gap(uncertain string, err error) {
	line := uncertain + ": " + err.Error()
	if !slices.Contains(t.Gaps, line) {
		t.Gaps = append(t.Gaps, line)
	}
}

func read(dir, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	return text, gone(err)
}

// gone makes one error of the two that procfs has for a task that has ended:
// ENOENT when its directory is looked up, ESRCH when an open file is read.
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return unix.ESRCH
	}
	return err
}
