package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// builtIn is the kind of minirun's own init; the others are programs.
const builtIn, program = "built-in init", "init"

// findInits are what may be PID 1 of a container of minirun's.
func findInits(minirun subject) []subject {
	all := []subject{{"minirun --init", builtIn, minirun.path, minirun.version}}
	for _, name := range []string{"tini", "dumb-init", "catatonit"} {
		path, err := exec.LookPath(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, "without", name+":", err)
			continue
		}
		out, _ := exec.Command(path, "--version").CombinedOutput()
		line, _, _ := bytes.Cut(out, []byte("\n"))
		all = append(all, subject{name, program, path, string(line)})
	}
	return all
}

// Sizes of the experiments with orphans.
const zombies, stream = 10_000, 2_000

func initScenarios() []scenario {
	hoard := work{"hoard", func() *rig.Program { return rig.Hoard(zombies) }}
	orphans := work{"orphans", func() *rig.Program { return rig.Orphans(stream) }}
	idle := work{"idle", func() *rig.Program { return rig.Orphans(1) }}
	return []scenario{
		{name: "10,000 zombies at once: reaped a second", unit: "/s", rounds: 3,
			do: hoard.under(burst(func(took, _ time.Duration) float64 { return zombies / took.Seconds() }))},
		{name: "10,000 zombies at once: CPU time of PID 1", unit: "ms", rounds: 3,
			do: hoard.under(burst(func(_, cpu time.Duration) float64 { return ms(cpu) }))},
		{name: "a stream of orphans: CPU time of PID 1 for each", unit: "µs", rounds: 3,
			do: orphans.under(func(c *contained) (float64, error) { return float64(c.cpu()/time.Microsecond) / stream, nil })},
		{name: "PID 1: Pss", unit: "kB", rounds: 3, do: idle.under(func(c *contained) (float64, error) { return pss(c.pid) })},
		{name: "PID 1: tasks", rounds: 1, do: idle.under(func(c *contained) (float64, error) { return tasks(c.pid) })},
	}
}

// work is what runs under an init.
type work struct {
	name    string
	program func() *rig.Program
}

// contained is an init at work, whose program is ready.
type contained struct {
	pid    int
	cgroup string
}

// under makes a container of an init with the work as its program, and looks
// at it when the work says that it is ready.
func (w work) under(look func(*contained) (float64, error)) func(*stage, subject) (float64, error) {
	return func(s *stage, sub subject) (v float64, err error) {
		dir, err := s.initBundle(sub, w)
		if err != nil {
			return 0, err
		}
		id := s.id()
		args := []string{"--root", s.root(sub), "run", "-d", "--bundle", dir, id}
		if sub.kind == builtIn {
			args = append(args[:3:3], append([]string{"--init"}, args[3:]...)...)
		}
		out, err := os.Create(filepath.Join(s.dir, "ready"))
		if err != nil {
			return 0, err
		}
		defer out.Close()
		cmd := exec.Command(s.minirun, args...)
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			return 0, err
		}
		defer reap()
		defer exec.Command(s.minirun, "--root", s.root(sub), "delete", "-f", id).Run()
		for begun := time.Now(); ; time.Sleep(time.Millisecond) {
			if info, err := out.Stat(); err != nil || info.Size() >= int64(len(rig.ReadyText)) {
				break
			}
			if time.Since(begun) > 2*time.Minute {
				return 0, fmt.Errorf("%s under %s is not ready", w.name, sub.name)
			}
		}
		text, err := exec.Command(s.minirun, "--root", s.root(sub), "state", id).Output()
		var state rig.State
		if err == nil {
			err = json.Unmarshal(text, &state)
		}
		if err != nil {
			return 0, err
		}
		return look(&contained{pid: state.Pid, cgroup: pidsCgroup("/" + rig.Marker + "/" + filepath.Base(dir))})
	}
}

// initBundle writes the bundle of an init and its work, once.
func (s *stage) initBundle(sub subject, w work) (string, error) {
	dir := filepath.Join(s.dir, filepath.Base(sub.path)+"-"+w.name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := rig.MakeRootfs(filepath.Join(dir, "rootfs")); err != nil {
		return "", err
	}
	if err := w.program().Write(filepath.Join(dir, "rootfs/prog")); err != nil {
		return "", err
	}
	spec := rig.Spec(filepath.Base(dir))
	spec.Process.Args = []string{"/prog"}
	if sub.kind == program {
		spec.Process.Args = []string{"/pid1", "--", "/prog"}
		rig.Bind(sub.path, "/pid1", "ro")(spec)
		for _, lib := range []string{"/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"} { // the loader and the C library
			if _, err := os.Stat(lib); err == nil {
				rig.Bind(lib, lib, "ro")(spec)
			}
		}
	}
	return dir, rig.WriteBundle(dir, spec)
}

func pidsCgroup(path string) string {
	dir := "/sys/fs/cgroup/pids" + path
	if _, err := os.Stat(dir); err != nil {
		return "/sys/fs/cgroup" + path
	}
	return dir
}

// cpu is the time that the init has run.
func (c *contained) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", c.pid))
	ns, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseInt(ns, 10, 64)
	return time.Duration(n)
}

// tasks is how many the container has, zombies included.
func (c *contained) tasks() int {
	text, _ := os.ReadFile(c.cgroup + "/pids.current")
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// burst kills the process that hoards the zombies, and waits until there are
// only the init and its program left.
func burst(value func(took, cpu time.Duration) float64) func(*contained) (float64, error) {
	return func(c *contained) (float64, error) {
		text, err := os.ReadFile(c.cgroup + "/cgroup.procs")
		if err != nil {
			return 0, err
		}
		for _, p := range strings.Fields(string(text)) {
			name, _ := os.ReadFile("/proc/" + p + "/comm")
			if pid, _ := strconv.Atoi(p); string(name) == "hoarder\n" {
				return c.burst(pid, value)
			}
		}
		return 0, fmt.Errorf("no hoarder in %s", c.cgroup)
	}
}

func (c *contained) burst(hoarder int, value func(took, cpu time.Duration) float64) (float64, error) {
	before, begun := c.cpu(), time.Now()
	if err := unix.Kill(hoarder, unix.SIGKILL); err != nil {
		return 0, err
	}
	for c.tasks() > 2 {
		if time.Since(begun) > time.Minute {
			return 0, fmt.Errorf("%d tasks are left", c.tasks())
		}
	}
	took := time.Since(begun)
	return value(took, c.cpu()-before), nil
}
