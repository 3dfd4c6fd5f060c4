package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// ErrNoPs says that the host has no ps(1).
var ErrNoPs = errors.New("ps: executable file not found in $PATH")

// Pids lists the processes in a container's cgroup, as the host numbers them,
// in order. A stopped container has none.
func (rt *Runtime) Pids(id string) ([]int, error) {
	r, err := rt.Store.Load(id)
	if err != nil {
		return nil, err
	}
	return visible(r)
}

// visible leaves out members whose PID namespace does not show them to us.
func visible(r *Record) ([]int, error) {
	pids, err := members(r)
	if len(r.Cgroups) == 0 {
		pids, err = inNamespace(r)
	}
	slices.Sort(pids)
	pids = slices.Compact(pids)
	if len(pids) > 0 && pids[0] == 0 {
		pids = pids[1:]
	}
	return pids, err
}

// inNamespace are the processes of a container without a cgroup, as long as
// its init keeps the PID namespace.
func inNamespace(r *Record) ([]int, error) {
	p, err := openInit(r)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.look(); err != nil || !p.seen.alive() || !r.OwnPidNS || r.PidNS == 0 {
		return nil, err
	}
	return namespacePids(r.PidNS), nil
}

// HostPs runs the host's ps(1), and returns what it prints of a container's
// processes. The error is ErrNoPs when there is none to run.
func (rt *Runtime) HostPs(id string, args []string) ([]byte, error) {
	pids, err := rt.Pids(id)
	if err != nil {
		return nil, err
	}
	path := findProgram("ps", os.Getenv("PATH"))
	if path == "" {
		return nil, ErrNoPs
	}
	text, err := outputOf(path, append([]string{"ps"}, args...))
	if err != nil {
		return nil, err
	}
	return FilterPs(text, pids)
}

func findProgram(name, path string) string {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if filepath.IsAbs(dir) && unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS) == nil {
			return file
		}
	}
	return ""
}

// outputOf runs a program and returns what it writes to its standard output.
// What it complains of goes to ours.
func outputOf(path string, args []string) (string, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return "", fmt.Errorf("pipe: %w", err)
	}
	defer unix.Close(p[0])
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Files: []uintptr{0, uintptr(p[1]), 2}, Env: os.Environ()})
	unix.Close(p[1])
	if err != nil {
		return "", fmt.Errorf("exec %s: %w", path, err)
	}
	text, err := readAll(p[0])
	status, waitErr := reap(pid)
	if err = errors.Join(err, waitErr); err == nil && status != 0 {
		err = fmt.Errorf("%s: %s", strings.Join(args, " "), statusText(status))
	}
	return string(text), err
}

// Ps looks at every process of a container, zombies included, in the order of
// pids: the members of its cgroup and those of its PID namespace.
func (rt *Runtime) Ps(id string) ([]PsProcess, error) {
	r, err := rt.Store.Load(id)
	if err != nil {
		return nil, err
	}
	pids, err := visible(r)
	if err != nil {
		return nil, err
	}
	if r.OwnPidNS && r.PidNS != 0 {
		pids = append(pids, namespacePids(r.PidNS)...)
		slices.Sort(pids)
		pids = slices.Compact(pids)
	}
	uptime := sinceBoot()
	var all []PsProcess
	for _, pid := range pids {
		if p, ok := psProcess(pid, r, uptime); ok {
			all = append(all, p)
		}
	}
	var undated []*Blocker
	for i := range all {
		undated = append(undated, &all[i].Blocker)
	}
	date(undated)
	return all, nil
}

// Tasks says how many tasks a container has and may have, threads and zombies
// included, and how many forks were refused; "" where nobody counts them.
func (rt *Runtime) Tasks(id string) (string, error) {
	r, err := rt.Store.Load(id)
	if err != nil || len(r.Cgroups) == 0 {
		return "", err
	}
	stat, err := cgroups.Restore(r.Cgroups).PidsStat()
	if err != nil { // no controller, or the container has gone
		return "", nil
	}
	return stat.String(), nil
}

// psProcess describes a process; false when it has gone meanwhile.
func psProcess(pid int, r *Record, uptime time.Duration) (PsProcess, bool) {
	b, ok := blockerOf(pid, r)
	status, err := readStatus(procPath(pid))
	stat, statErr := statOf(procPath(pid))
	if !ok || err != nil || statErr != nil {
		return PsProcess{}, false
	}
	const tick = time.Second / 100 // USER_HZ, the same everywhere (include/asm-generic/param.h)
	p := PsProcess{
		Pid: pid, Inside: b.Inside, Parent: processOf(status.PPid), State: b.State, Wchan: wchanText(b.Wchan),
		Threads: len(numbersIn(procPath(pid) + "/task")), Signals: signalSummary(status),
		Command: command(pid, status.Name), Age: max(0, uptime-time.Duration(stat.Start)*tick), Blocker: b,
	}
	if b.State == 'Z' {
		p.Signals = "-"
	}
	return p, true
}

func wchanText(wchan string) string {
	if wchan == "" || wchan == "0" {
		return "-"
	}
	return wchan
}

// command is a process's arguments, or its name in brackets when it has none.
// A container chooses them and a terminal shows them: what cannot be printed
// becomes "?".
func command(pid int, name string) string {
	text, _ := readFileAt(unix.AT_FDCWD, procPath(pid)+"/cmdline")
	line := strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ")
	if line == "" {
		line = "[" + name + "]"
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, line)
}
