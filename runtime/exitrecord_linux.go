package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

const (
	exitFile   = "exit.json" // in the container's directory
	intentFile = "stop.json" // likewise: an Intent
	// keptDir has the exit records of containers that were removed. No
	// container ID begins with a dot.
	keptDir = ".exit"
)

// peek opens a container's directory without its lock, for verbs that wait
// for long, and reads the record in it. What is read and written through it is
// of this container, whoever may have its name by now.
func (s Store) peek(id string) (*Dir, *Record, error) {
	if _, err := s.Load(id); err != nil { // also sweeps what a killed create has left
		return nil, nil, err
	}
	d, err := openDir(s.dir(id))
	if err == nil {
		var r *Record
		if r, err = d.Record(); err == nil {
			return d, r, nil
		}
		d.release()
	}
	return nil, nil, notExist(err)
}

// unlessRemoved does something with the container's lock, or nothing when the
// container has been removed. Without the lock a delete could not remove the
// directory in which a file appears.
func (d *Dir) unlessRemoved(id string, do func() error) error {
	err := d.relock(id)
	if err == ErrNotExist {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(do(), d.unlock())
}

// note writes an Intent.
func (d *Dir) note(i Intent) error {
	w := jsonWriter{}
	i.append(&w)
	return d.jot(intentFile, w.buf)
}

// jot writes a file. It does not wait for the lock: who holds that may be
// stuck, and a stop must not be.
func (d *Dir) jot(name string, text []byte) error {
	err := d.flock(unix.LOCK_EX)
	if err == nil {
		err = d.linked()
	}
	if err == nil {
		err = errors.Join(d.replace(name, text), d.unlock())
	}
	return ignore(err, unix.EWOULDBLOCK, unix.ENOENT)
}

// intent is what was noted; nothing if it cannot be read.
func (d *Dir) intent() Intent {
	text, err := readFileAt(d.fd, intentFile)
	if err != nil {
		return Intent{}
	}
	i, _ := decodeIntent(text)
	return i
}

// exit reads the exit record of a container, nil if there is none.
func (d *Dir) exit() (*ExitRecord, error) { return readExit(d.fd, exitFile) }

// replace writes a file at once: a reader sees the old or the new one.
func (d *Dir) replace(name string, text []byte) error {
	return replaceAt(d.fd, d.Path(name), name, text)
}

func replaceAt(dirfd int, path, name string, text []byte) error {
	temp := name + "." + strconv.Itoa(os.Getpid())
	if err := writeFileAt(dirfd, temp, text); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	if err := unix.Renameat(dirfd, temp, dirfd, name); err != nil {
		return &fs.PathError{Op: "rename", Path: path, Err: err}
	}
	return nil
}

func readExit(dirfd int, path string) (*ExitRecord, error) {
	text, err := readFileAt(dirfd, path)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR:
		return nil, nil
	default:
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	e, err := DecodeExit(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return e, nil
}

// learnExit finds out how an init has ended, before its cgroup is removed.
// What another verb has learnt is taken over: it saw more.
func learnExit(d *Dir, p *initProc, watched bool) (*ExitRecord, error) {
	e, err := d.exit()
	if err != nil || e != nil && e.Known() && e.of(p.r) {
		return e, err
	}
	status, ok, err := p.exitStatus()
	if err != nil {
		return nil, err
	}
	return newExit(d.latest(p.r), status, ok, d.intent(), watched), nil
}

// latest is the record with what a start has noted since r was read.
func (d *Dir) latest(r *Record) *Record {
	now, err := d.Record()
	if err != nil || now.Pid != r.Pid || now.StartTime != r.StartTime || now.BootID != r.BootID {
		return r // removed; another container has another directory
	}
	return now
}

// newExit judges a status, if there is one, by what the cgroup has counted.
func newExit(r *Record, status unix.WaitStatus, known bool, stopped Intent, watched bool) *ExitRecord {
	e := &ExitRecord{
		ID: r.ID, Pid: r.Pid, Start: r.StartTime, BootID: r.BootID, Created: r.Created, Started: r.Started,
		Status: status, Reason: Unknown, Stopped: stopped, Watched: watched, Ended: time.Now(), EndedBoot: sinceBoot(),
	}
	e.count(r)
	if known {
		e.Reason = reasonOf(status, stopped, oomKills(e.Memory))
	}
	return e
}

// count reads the counters of a cgroup that is still there.
func (e *ExitRecord) count(r *Record) {
	if len(r.Cgroups) == 0 {
		return
	}
	g := cgroups.Restore(r.Cgroups)
	if pids, err := g.PidsStat(); err == nil {
		e.Pids = &pids
	}
	if memory, err := g.MemoryEvents(); err == nil {
		e.Memory = &memory
	}
}

func oomKills(m *cgroups.MemoryEvents) uint64 {
	if m == nil {
		return 0
	}
	return m.OOMKill
}

// killsSoFar is what the OOM killer has done in a container's cgroup.
func killsSoFar(r *Record) uint64 {
	if len(r.Cgroups) == 0 {
		return 0
	}
	m, err := cgroups.Restore(r.Cgroups).MemoryEvents()
	if err != nil {
		return 0
	}
	return m.OOMKill
}

func sinceBoot() time.Duration { return clockTime(unix.CLOCK_BOOTTIME) }

func clockTime(clock int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(clock, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// exitStatus is the wait status of an init that has ended; false when it was
// reaped before anybody could look.
func (p *initProc) exitStatus() (unix.WaitStatus, bool, error) {
	return endStatus(p.pidfd, p.r.Pid, p.r.StartTime)
}

// endStatus is the wait status of a process, also for who is not its parent:
//
//   - once it is reaped, by whomever, a pidfd from before tells (PIDFD_GET_INFO
//     with PIDFD_INFO_EXIT, Linux 6.15, fs/pidfs.c);
//   - until then /proc/PID/stat does (field 52, which takes ptrace access).
func endStatus(pidfd, pid int, start uint64) (status unix.WaitStatus, ok bool, err error) {
	if pidfd < 0 {
		return 0, false, nil
	}
	for range 2 { // it may be reaped between the two
		if status, ok = reapedStatus(pidfd); ok {
			return status, true, nil
		}
		if status, ok, err = zombieStatus(pid, start); ok || err != nil {
			return status, ok, err
		}
	}
	return 0, false, nil
}

// reapedStatus asks a pidfd how its process has ended.
func reapedStatus(pidfd int) (unix.WaitStatus, bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err := unix.IoctlPidfdInfo(pidfd, &info) // ENOTTY before 6.13, ESRCH before 6.15
	if err != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return 0, false
	}
	return unix.WaitStatus(info.Exit_code), true
}

// keepsExitStatus finds out whether reapedStatus can be relied on for a process
// that nobody waits for. PIDFD_INFO_COREDUMP, which answers for the living, came
// after PIDFD_INFO_EXIT, in Linux 6.16, and so did the correction of the status of
// a process whose first thread had ended before (release_task, kernel/exit.c).
func keepsExitStatus() bool {
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(pidfd)
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT | unix.PIDFD_INFO_COREDUMP}
	return unix.IoctlPidfdInfo(pidfd, &info) == nil && info.Mask&unix.PIDFD_INFO_COREDUMP != 0
}

// zombieStatus reads the status of a process that has ended and is still there.
func zombieStatus(pid int, start uint64) (unix.WaitStatus, bool, error) {
	path := procPath(pid) + "/stat"
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err == unix.ENOENT || err == unix.ESRCH {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, err)
	}
	status, ok, err := deadStatus(string(text), start)
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, err)
	}
	return status, ok, nil
}

// save makes an exit record durable, unless what is there knows as much. The
// caller has the lock.
func (d *Dir) save(e *ExitRecord) error {
	if !e.Known() {
		return nil
	}
	old, err := d.exit()
	if err == nil && old != nil && old.Known() && (e.Stopped == (Intent{}) || old.Stopped != (Intent{})) {
		return nil
	}
	return d.replace(exitFile, e.JSON("  "))
}

// keepExit writes a record that outlives its container. Another verb may
// remove the last record, and the directory with it, at any moment.
func (s Store) keepExit(e *ExitRecord) error {
	dir, path := s.Root+"/"+keptDir, s.keptPath(e.ID)
	for tries := 1; ; tries++ {
		if err := unix.Mkdir(dir, 0o700); err != nil && err != unix.EEXIST {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
		}
		err := replaceAt(unix.AT_FDCWD, path, path, e.JSON("  "))
		if tries == 10 || !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

// keptExit reads a kept record, nil if there is none.
func (s Store) keptExit(id string) (*ExitRecord, error) {
	return readExit(unix.AT_FDCWD, s.keptPath(id))
}

// dropExit removes a kept record, and the directory when it was the last.
func (s Store) dropExit(id string) error {
	err := unix.Unlink(s.keptPath(id))
	if err == nil {
		err = ignore(unix.Rmdir(s.Root+"/"+keptDir), unix.ENOTEMPTY, unix.ENOENT)
	}
	return ignore(err, unix.ENOENT, unix.ENOTDIR)
}

func (s Store) keptPath(id string) string {
	return s.Root + "/" + keptDir + "/" + id + ".json"
}

// settleExit is for who removes a container and holds its lock: with KeepExit
// the record stays behind. Without, one that an earlier container of the id has
// left must go, or it would pass for this one's.
func (rt *Runtime) settleExit(d *Dir, p *initProc, watched bool) error {
	if rt.KeepExit {
		e, err := learnExit(d, p, watched)
		if err != nil {
			return err
		}
		return rt.Store.keepExit(e)
	}
	old, err := rt.Store.keptExit(p.r.ID)
	if err == nil && (old == nil || old.of(p.r)) {
		return nil
	}
	return rt.Store.dropExit(p.r.ID)
}
