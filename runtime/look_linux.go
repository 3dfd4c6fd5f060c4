package runtime

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
	"minirun/runtime/observe/session"
)

// errGone is a recorded process that is not there any more, whether or not
// another one has its pid.
var errGone = errors.New("process is gone")

// An initProc is the init of a container, pinned by a pidfd and proved to be
// the process of the record; or a process that is gone.
type initProc struct {
	r     *Record
	pidfd int // -1: gone
	seen  Observation

	told *session.Teller // those who observe the container
	verb string          // and what they are told that signals come from
}

// openInit opens the init of a record. The pidfd comes first: it pins the
// process, so that what /proc says of the pid afterwards is about the same
// process, or is an error. The other order leaves a window in which the pid
// can be reused between the look and the signal.
func openInit(r *Record) (*initProc, error) {
	p := &initProc{r: r, pidfd: -1}
	if r.Pid == 0 {
		return p, nil
	}
	fd, err := unix.PidfdOpen(r.Pid, 0)
	switch err {
	case nil:
	case unix.ESRCH, unix.EINVAL, unix.ENOENT: // no such process, or a thread has the number now
		return p, nil
	default:
		return nil, fmt.Errorf("pidfd_open process %d: %w", r.Pid, err)
	}
	if err := identify(r); err != nil {
		unix.Close(fd)
		return p, goneIsFine(err)
	}
	p.pidfd, p.seen.Exists = fd, true
	if err := p.checkEnded(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return p, nil
}

func (p *initProc) close() {
	p.told.Close()
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
}

// look completes what is seen: whether the container has been started, and
// whether it is paused.
func (p *initProc) look() (err error) {
	if !p.seen.alive() {
		return nil
	}
	if p.seen.Image, err = isImage(p.r); err != nil {
		return err
	}
	if p.seen.Frozen, err = isFrozen(p.r); err != nil {
		return err
	}
	// As long as the process has not ended, the above was read of it.
	return p.checkEnded()
}

// checkEnded asks whether the last thread of the process is done.
func (p *initProc) checkEnded() error {
	ready, err := pollUntil(readable(p.pidfd), noTime)
	p.seen.Ended = ready
	return err
}

// signal sends a signal; errGone when it comes too late.
func (p *initProc) signal(sig unix.Signal) error {
	if !p.seen.alive() {
		return errGone
	}
	p.announce(sig)
	err := unix.PidfdSendSignal(p.pidfd, sig, nil, 0)
	if err == unix.ESRCH {
		p.seen.Ended = true
		return errGone
	}
	if err != nil {
		return fmt.Errorf("send %s to process %d: %w", SignalName(sig), p.r.Pid, err)
	}
	return nil
}

// identify compares the process that has the record's pid with the record:
// start time, boot, PID namespace. It returns errGone for a stranger.
func identify(r *Record) error {
	start, err := StartTime(r.Pid)
	if err != nil {
		return err
	}
	if start != r.StartTime {
		return errGone
	}
	boot, err := BootID()
	if err != nil {
		return err
	}
	if boot != r.BootID {
		return errGone
	}
	return samePidNS(r)
}

// samePidNS compares the PID namespace. One that cannot be read is that of a
// process which is being released, as its pidfd will tell, or has a capability
// that we have not (ptrace(2)): then the start time has to do.
func samePidNS(r *Record) error {
	if r.PidNS == 0 {
		return nil
	}
	switch ino, err := pidNSOf(r.Pid); {
	case err == errGone, err == nil && ino == r.PidNS, errors.Is(err, unix.EACCES):
		return nil
	case err == nil:
		return errGone
	default:
		return err
	}
}

// pidNSOf is the inode of the PID namespace of a process.
func pidNSOf(pid int) (uint64, error) {
	st, err := statLink(pid, "ns/pid")
	return st.Ino, err
}

// statLink is what a link in the /proc of a process leads to; errGone when the
// process is no more.
func statLink(pid int, link string) (unix.Stat_t, error) {
	st, err := statPath(procPath(pid) + "/" + link)
	if released(pid, err) {
		err = errGone
	}
	return st, err
}

// released says whether a link could not be followed because its process is no
// more: one that is reaped between the lookup of the link and the following is
// told by EACCES too (fs/proc/namespaces.c, proc_ns_get_link; fs/proc/base.c,
// proc_pid_get_link).
func released(pid int, err error) bool {
	if !errors.Is(err, unix.EACCES) {
		return false
	}
	_, err = StartTime(pid)
	return err == errGone
}

// StartTime is when a process started, in clock ticks since boot (field 22 of
// proc_pid_stat(5)). With the pid it names a process as long as the machine is up.
func StartTime(pid int) (uint64, error) {
	stat, err := statOf(procPath(pid))
	return stat.Start, err
}

// statOf reads the stat file of a process or thread; errGone when there is none.
func statOf(dir string) (procStat, error) {
	text, err := readFileAt(unix.AT_FDCWD, dir+"/stat")
	if err == unix.ENOENT || err == unix.ESRCH {
		return procStat{}, errGone
	}
	var stat procStat
	if err == nil {
		stat, err = parseStat(string(text))
	}
	if err != nil {
		return procStat{}, fmt.Errorf("read %s/stat: %w", dir, err)
	}
	return stat, nil
}

// BootID is the kernel's random name for the time since it started.
func BootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	return string(text), nil
}

// isImage says whether the process still executes the image. A process that
// has given up its memory on the way out has no executable, and does not.
func isImage(r *Record) (bool, error) {
	st, err := statLink(r.Pid, "exe")
	if err != nil {
		return false, goneIsFine(err)
	}
	return st.Dev == r.ImageDev && st.Ino == r.ImageIno, nil
}

// isFrozen says whether the container is paused. A cgroup that disappears
// under the read (ENODEV: kernfs has let go of it) holds nothing that is frozen.
func isFrozen(r *Record) (bool, error) {
	if len(r.Cgroups) == 0 {
		return false, nil
	}
	f, err := cgroups.Restore(r.Cgroups).Frozen()
	return f, ignore(err, unix.ENOENT, unix.ENODEV)
}

func statPath(path string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	switch err {
	case nil:
		return st, nil
	case unix.ENOENT, unix.ESRCH:
		return st, errGone
	}
	return st, fmt.Errorf("stat %s: %w", path, err)
}

func procPath(pid int) string { return "/proc/" + strconv.Itoa(pid) }

func goneIsFine(err error) error {
	if err == errGone {
		return nil
	}
	return err
}
