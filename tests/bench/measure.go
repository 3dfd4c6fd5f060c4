package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// benchmark holds what was measured: for each row and tool the wall times.
type benchmark struct {
	dir   string
	runs  int
	tools []tool
	plain string // bundle as `spec` makes it, running /bin/true
	dock  string // docker's recorded config, without seccomp
	idle  string // as plain, running sleep

	rows  []row
	rss   map[string]int64 // peak resident memory of run, kB
	facts map[string]string
}

// row is one line of the table.
type row struct {
	name  string
	times map[string][]time.Duration
}

// A step measures one command line, or several, of one tool; ok is false for a
// tool that has no such command.
type step func(t tool) (d time.Duration, ok bool, err error)

func (b *benchmark) measure() error {
	b.rss, b.facts = map[string]int64{}, map[string]string{}
	for _, s := range []struct {
		name string
		step step
	}{
		{"run /bin/true", func(t tool) (time.Duration, bool, error) { return b.run(t, b.plain) }},
		{"run /bin/true, docker's config", func(t tool) (time.Duration, bool, error) { return b.run(t, b.dock) }},
		{"create, start, delete --force", b.lifecycle},
		{"state", b.onContainer("state")},
		{"kill CONT", b.onContainer("kill")},
		{"--version", b.version},
		{"delete --force of a running container", b.deleteRunning},
	} {
		if err := b.interleave(s.name, s.step); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.describeInit()
}

// interleave runs the tools in turn, A B C A B C, so that a machine that
// drifts drifts for all of them. The first round does not count.
func (b *benchmark) interleave(name string, s step) error {
	r := row{name, map[string][]time.Duration{}}
	for i := range b.runs + 1 {
		for _, t := range b.tools {
			d, ok, err := s(t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if ok && i > 0 {
				r.times[t.name] = append(r.times[t.name], d)
			}
		}
	}
	b.rows = append(b.rows, r)
	return nil
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

// args is a command line of a runtime with a state root of its own.
func (b *benchmark) args(t tool, words ...string) []string {
	return append([]string{t.path, "--root", filepath.Join(b.dir, "root-"+t.name)}, words...)
}

// command runs a command to its end and returns its wall time and peak memory.
func command(args []string) (time.Duration, int64, error) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return 0, 0, err
	}
	defer null.Close()
	began := time.Now()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{null, null, null}})
	if err != nil {
		return 0, 0, err
	}
	state, err := p.Wait()
	took := time.Since(began)
	if err != nil {
		return 0, 0, err
	}
	if !state.Success() {
		return 0, 0, fmt.Errorf("%s: %s", strings.Join(args, " "), state)
	}
	return took, state.SysUsage().(*syscall.Rusage).Maxrss, nil
}

func (b *benchmark) run(t tool, bundle string) (time.Duration, bool, error) {
	if t.name == "unshare" {
		d, _, err := command([]string{t.path, "--fork", "--pid", "--net", "--ipc", "--uts", "--mount", "/bin/true"})
		return d, bundle == b.plain, err
	}
	d, rss, err := command(b.args(t, "run", "--bundle", bundle, "bench-"+t.name))
	b.rss[t.name] = max(b.rss[t.name], rss)
	return d, true, err
}

func (b *benchmark) version(t tool) (time.Duration, bool, error) {
	d, _, err := command([]string{t.path, "--version"})
	return d, t.name != "unshare", err
}

// lifecycle is what an engine does, less the waiting.
func (b *benchmark) lifecycle(t tool) (time.Duration, bool, error) {
	if t.name == "unshare" {
		return 0, false, nil
	}
	var sum time.Duration
	for _, words := range [][]string{{"create", "--bundle", b.idle}, {"start"}, {"delete", "--force"}} {
		d, _, err := command(b.args(t, append(words, "bench-"+t.name)...))
		if err != nil {
			return 0, false, err
		}
		sum += d
	}
	return sum, true, nil
}

// onContainer measures one verb on a running container.
func (b *benchmark) onContainer(verb string) step {
	return func(t tool) (d time.Duration, ok bool, err error) {
		if t.name == "unshare" {
			return 0, false, nil
		}
		err = b.withContainer(t, func(id string) error {
			words := []string{verb, id}
			if verb == "kill" {
				words = append(words, "CONT")
			}
			d, _, err = command(b.args(t, words...))
			return err
		})
		return d, true, err
	}
}

// withContainer starts a container, and deletes it in the end.
func (b *benchmark) withContainer(t tool, do func(id string) error) error {
	id := "bench-" + t.name
	if _, _, err := command(b.args(t, "run", "--detach", "--bundle", b.idle, id)); err != nil {
		return err
	}
	err := do(id)
	if _, _, del := command(b.args(t, "delete", "--force", id)); err == nil {
		err = del
	}
	return err
}

// deleteRunning ends a running container. For unshare it is the kernel's own
// teardown: SIGKILL of the init of the same namespaces until it is reaped.
func (b *benchmark) deleteRunning(t tool) (time.Duration, bool, error) {
	if t.name == "unshare" {
		d, err := teardown(t)
		return d, true, err
	}
	id := "bench-" + t.name
	if _, _, err := command(b.args(t, "run", "--detach", "--bundle", b.idle, id)); err != nil {
		return 0, false, err
	}
	d, _, err := command(b.args(t, "delete", "--force", id))
	return d, true, err
}

func teardown(t tool) (time.Duration, error) {
	const flags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "100"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: flags}})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := p.Kill(); err != nil {
		return 0, err
	}
	_, err = p.Wait()
	return time.Since(began), err
}
