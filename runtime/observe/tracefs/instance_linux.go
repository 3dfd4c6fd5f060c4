package tracefs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts are where a tracefs is, by the documentation (Documentation/trace/ftrace.rst).
var mounts = [...]string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// prefix begins the names of our instances. The rest says whose it is.
const prefix = "minirun-"

// bufferTotal is what the ring buffers of all CPUs may take together, in
// kilobytes: 400,000 signals with their deliveries are about 40 MB.
const (
	bufferTotal = 32 << 10
	bufferLeast = 512
	bufferMost  = 8 << 10
)

// An instance is a set of ring buffers and switches of our own.
type instance struct {
	tracefs string
	dir     string
}

// tracefs finds where one is mounted.
func tracefs() (string, error) {
	err := error(unix.ENOENT)
	for _, dir := range mounts {
		var st unix.Statfs_t
		if err = unix.Statfs(dir, &st); err == nil && st.Type == unix.TRACEFS_MAGIC {
			return dir, nil
		}
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return "", fmt.Errorf("tracefs on %s: %w", mounts[0], err)
	}
	return "", fmt.Errorf("tracefs is not mounted on %s", mounts[0])
}

// newInstance makes one, and removes those whose owners were killed.
func newInstance() (*instance, error) {
	root, err := tracefs()
	if err != nil {
		return nil, err
	}
	us, err := owner(os.Getpid())
	if err != nil {
		return nil, err
	}
	sweep(root)
	for n := 0; ; n++ {
		i := &instance{tracefs: root, dir: filepath.Join(root, "instances", prefix+us+"-"+strconv.Itoa(n))}
		if err = os.Mkdir(i.dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
			return i, err
		}
	}
}

// owner names a process as long as the machine is up: the inode of the PID
// namespace in which it has its pid, that, and when it started.
func owner(pid int) (string, error) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &ns); err != nil {
		return "", fmt.Errorf("stat our PID namespace: %w", err)
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const start = 22 - 3 // proc_pid_stat(5), counted from the state
	if len(fields) <= start {
		return "", fmt.Errorf("read stat of process %d: too short", pid)
	}
	return fmt.Sprintf("%d-%d-%s", ns.Ino, pid, fields[start]), nil
}

// sweep removes what killed processes of our PID namespace have left: as long
// as it is there, its tracepoints cost every process of the host. What cannot
// be removed is in use, or the next sweep's.
func sweep(root string) {
	entries, err := os.ReadDir(filepath.Join(root, "instances"))
	if err != nil {
		return
	}
	for _, e := range entries {
		if name, ours := strings.CutPrefix(e.Name(), prefix); ours && stale(name) {
			unix.Rmdir(filepath.Join(root, "instances", e.Name()))
		}
	}
}

// stale reports whether the owner in a name was one of our namespace and is gone.
func stale(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) != 4 {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	us, err := owner(os.Getpid())
	if err != nil || !strings.HasPrefix(us, parts[0]+"-") {
		return false
	}
	now, err := owner(pid)
	return errors.Is(err, fs.ErrNotExist) || err == nil && now != strings.Join(parts[:3], "-")
}

// write sets a file of the instance.
func (i *instance) write(name, value string) error {
	f, err := os.OpenFile(filepath.Join(i.dir, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// setUp makes the instance ready: all but switched on.
func (i *instance) setUp(cpus int) error {
	size := min(max(bufferTotal/max(cpus, 1), bufferLeast), bufferMost)
	for _, set := range [...][2]string{
		{"tracing_on", "0"}, {"trace_clock", "mono"}, {"buffer_size_kb", strconv.Itoa(size)},
	} {
		if err := i.write(set[0], set[1]); err != nil {
			return err
		}
	}
	// A reader is woken by the first event, and not by a half-full buffer
	// (Linux 5.0; before that, always); names of tasks are not noted at each
	// switch, for task_rename tells them.
	for _, set := range [...][2]string{{"buffer_percent", "0"}, {"options/record-cmd", "0"}} {
		if err := i.write(set[0], set[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// enable switches the events on and returns how to read each, by its number.
func (i *instance) enable() (map[uint16]*binding, error) {
	bound := make(map[uint16]*binding, len(events))
	for _, e := range events {
		b, id, err := i.enableOne(e)
		switch {
		case err == nil:
			bound[id] = b
		case e.needed || !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("event %s: %w", e.path, err)
		}
	}
	return bound, nil
}

func (i *instance) enableOne(e event) (*binding, uint16, error) {
	text, err := os.ReadFile(filepath.Join(i.dir, "events", e.path, "format"))
	if err != nil {
		return nil, 0, err
	}
	f, err := parseFormat(text)
	if err != nil {
		return nil, 0, err
	}
	if e.filter != "" {
		if err := i.write("events/"+e.path+"/filter", e.filter); err != nil {
			return nil, 0, err
		}
	}
	b := bind(e.point, f)
	return &b, f.id, i.write("events/"+e.path+"/enable", "1")
}

// overrun is how many events of a CPU were overwritten before they were read.
func (i *instance) overrun(cpu string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(i.dir, "per_cpu", cpu, "stats"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "overrun: "); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("read stats of %s: no overrun", cpu)
}

// remove gives the instance back. Its files must be closed.
func (i *instance) remove() error {
	if err := unix.Rmdir(i.dir); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "rmdir", Path: i.dir, Err: err}
	}
	return nil
}
