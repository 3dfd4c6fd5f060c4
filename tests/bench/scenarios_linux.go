package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"minirun/tests/rig"
)

// A scenario is one row of the table: a number for each run of a subject.
type scenario struct {
	name string
	unit string // "ms", "µs", "/s", "%", "kB" or "" for a plain number
	own  bool   // it is of minirun alone
	once bool   // it hardly varies: a few runs do
	do   func(*stage, subject) (float64, error)
	bare func(*stage, subject) (float64, error) // for unshare

	rounds int // in place of -n, where each takes long
}

// scenarios in the order of the table.
func scenarios() []scenario {
	return append([]scenario{
		{name: "start-up (`--version`)", unit: "ms", do: version, bare: version},
		{name: "`run` /bin/true", unit: "ms", do: runTrue(plainTrue), bare: bareTrue},
		{name: "`run` /bin/true, docker's config", unit: "ms", do: runTrue(dockerTrue)},
		{name: "the same without docker's seccomp profile", unit: "ms", do: runTrue(dockerOpen)},
		{name: "`create` + `start` + `delete -f`", unit: "ms", do: cycle(plainSleep)},
		{name: "`create` + `start` + `delete -f`, docker's config", unit: "ms", do: cycle(dockerSleep)},
		{name: "`state`", unit: "ms", do: onRunning("state", "ID")},
		{name: "`kill` (CONT)", unit: "ms", do: onRunning("kill", "ID", "CONT")},
		{name: "`delete -f`, running; bare: SIGKILL to end", unit: "ms", do: deleteForce, bare: bareKill},
		{name: "peak memory of `run`", unit: "kB", once: true, do: peak},
		{name: "created PID 1: Pss", unit: "kB", once: true, do: created(pss)},
		{name: "created PID 1: tasks", once: true, do: created(tasks)},
		{name: "created PID 1: signals caught, ignored or blocked", once: true, do: created(signals)},
		{name: "size of the executable", unit: "kB", once: true, do: size},
	}, observing()...)
}

func version(s *stage, sub subject) (float64, error) {
	d, err := s.exec(sub.path, "--version")
	return ms(d), err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func runTrue(bundle string) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (float64, error) {
		d, err := s.call(sub, "run", "--bundle", filepath.Join(s.dir, bundle), s.id())
		return ms(d), err
	}
}

// namespaces of `runc spec`, for unshare(1).
var namespaces = []string{"--fork", "--pid", "--net", "--ipc", "--uts", "--mount"}

func bareTrue(s *stage, sub subject) (float64, error) {
	root := filepath.Join(s.dir, plainTrue, "rootfs")
	d, err := s.exec(sub.path, append(namespaces, "--mount-proc", "--root="+root, "/bin/true")...)
	return ms(d), err
}

// cycle is create, start and delete -f, without the moments between them.
func cycle(bundle string) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (float64, error) {
		id := s.id()
		defer reap()
		var sum time.Duration
		for _, args := range [][]string{{"create", "--bundle", filepath.Join(s.dir, bundle), id}, {"start", id}, {"delete", "-f", id}} {
			d, err := s.call(sub, args...)
			if err != nil {
				return 0, err
			}
			sum += d
		}
		return ms(sum), nil
	}
}

// running makes a container, and calls f while it runs.
func running(s *stage, sub subject, f func(id string) (float64, error)) (v float64, err error) {
	id := s.id()
	if _, err := s.call(sub, "create", "--bundle", filepath.Join(s.dir, plainSleep), id); err != nil {
		return 0, err
	}
	if _, err = s.call(sub, "start", id); err == nil {
		v, err = f(id)
	}
	if _, gone := os.Stat(filepath.Join(s.root(sub), id)); gone == nil {
		s.call(sub, "delete", "-f", id)
	}
	reap()
	return v, err
}

// onRunning measures one call; ID stands for the container.
func onRunning(args ...string) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (float64, error) {
		return running(s, sub, func(id string) (float64, error) {
			full := strings.Split(strings.ReplaceAll(strings.Join(args, " "), "ID", id), " ")
			d, err := s.call(sub, full...)
			return ms(d), err
		})
	}
}

func deleteForce(s *stage, sub subject) (float64, error) {
	return running(s, sub, func(id string) (float64, error) {
		d, err := s.call(sub, "delete", "-f", id)
		return ms(d), err
	})
}

// bareKill is what the kernel itself takes to end such namespaces: from the
// SIGKILL of their PID 1 until its parent has reaped it and ended.
func bareKill(s *stage, sub subject) (float64, error) {
	root := filepath.Join(s.dir, plainSleep, "rootfs")
	args := append([]string{sub.path}, append(namespaces, "--mount-proc", "--root="+root, "/bin/sleep", "1000")...)
	p, err := os.StartProcess(sub.path, args, &os.ProcAttr{Files: []*os.File{s.null, s.null, s.null}})
	if err != nil {
		return 0, err
	}
	var child int
	ready := rig.Eventually(func() bool {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.Pid, p.Pid))
		child, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
		return string(cmd) == "sleep\n"
	})
	if !ready {
		p.Kill()
		return 0, fmt.Errorf("unshare has no child")
	}
	begun := time.Now()
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		return 0, err
	}
	_, err = p.Wait()
	return ms(time.Since(begun)), err
}
