package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"minirun/tests/rig"
)

// A runtime under an engine.
type runtime struct {
	name, path string
	peer       bool // compared with, not tested
}

// runtimes are minirun and the one it is compared with.
func runtimes(r *rig.Rig) []runtime {
	r.Helper()
	runc, err := exec.LookPath("runc")
	if err != nil {
		rig.Skip(r, "%v", err)
	}
	return []runtime{{name: "minirun", path: r.Runtime.Path}, {name: "runc", path: runc, peer: true}}
}

// complain is an error, and of runc a difference, which the answer of the check will show.
func (rt runtime) complain(t testing.TB, format string, args ...any) {
	t.Helper()
	text := rt.name + ": " + fmt.Sprintf(format, args...)
	if rt.peer {
		t.Log(text)
		return
	}
	t.Error(text)
}

// A check is one thing that users do with an engine, and what they see.
type check struct {
	name string
	want string
	do   func(s *session) string
}

// A session is an engine's client, told to use one runtime.
type session struct {
	t       testing.TB
	r       *rig.Rig
	rt      runtime
	client  []string // the program and its global flags
	env     []string
	run     []string            // flags of run and create
	user    *syscall.Credential // whose client it is; nil: ours
	remove  []string            // the verb that ends and removes a container, with its flags
	cleanup []cleanup
}

// A cleanup is what undoes the making of a container.
type cleanup struct {
	of   string
	undo func()
}

// A result is what a call of the client gave.
type result struct {
	out, err string
	code     int
}

// each runs the checks with every runtime at the same time, and compares.
func each(t *testing.T, list []check, open func(rt runtime) *session, rts []runtime) {
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now()
			got := make([]string, len(rts))
			var wg sync.WaitGroup
			for i, rt := range rts {
				wg.Go(func() {
					s := open(rt)
					s.t = t
					got[i] = c.do(s)
					s.close()
				})
			}
			wg.Wait()
			note(t.Name(), time.Since(begun), c.want, got)
			if got[0] != c.want {
				t.Errorf("%s: %q\nwant     %q\n%s: %q", rts[0].name, got[0], c.want, rts[1].name, got[1])
			}
		})
	}
}

// close undoes what the check asked to be undone, the last first.
func (s *session) close() {
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i].undo()
	}
}

// call runs the client.
func (s *session) call(args ...string) result { return s.feed("", args...) }

// feed runs the client with something to read.
func (s *session) feed(stdin string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	all := append(append([]string{}, s.client[1:]...), args...)
	cmd := exec.CommandContext(ctx, s.client[0], all...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = s.env, &out, &errs, 5*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	cmd.Dir = s.r.Mkdir("cwd") // conmon writes a file there when memory runs out
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return result{"", err.Error(), -1}
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// say is what the client prints, on one line, and its exit code when it is
// not 0, with what it says of it.
func (s *session) say(args ...string) string {
	x := s.call(args...)
	text := oneLine(x.out)
	if x.code != 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s (exit %d: %s)", text, x.code, oneLine(x.err)))
	}
	return text
}

// code is the client's exit code.
func (s *session) code(args ...string) int { return s.call(args...).code }

// must is say for what the check only prepares with.
func (s *session) must(args ...string) string {
	x := s.call(args...)
	if x.code != 0 {
		s.rt.complain(s.t, "%s: exit %d: %s", strings.Join(args, " "), x.code, oneLine(x.err))
	}
	return oneLine(x.out)
}

// args are a verb, the session's flags of run, and the rest.
func (s *session) args(verb string, rest ...string) []string {
	return append(append([]string{verb}, s.run...), rest...)
}

// eventually waits until a function says yes.
func eventually(yes func() bool) bool {
	for end := time.Now().Add(patience / 2); !yes(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '\n' || r == '\r' }), " | ")
}

// cgroupOf is a process's cgroup directory in a v1 hierarchy.
func cgroupOf(pid int, controller string) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && f[1] == controller {
			return filepath.Join("/sys/fs/cgroup", controller, f[2])
		}
	}
	return "no " + controller + " cgroup"
}

// limit reads a file of a process's cgroup.
func limit(pid int, controller, file string) string {
	data, err := os.ReadFile(filepath.Join(cgroupOf(pid, controller), file))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}

// catchesTerm reads a mask in /proc/PID/status, or in what oneLine made of it.
func catchesTerm(status string) bool {
	_, mask, _ := strings.Cut(status, "SigCgt:")
	mask, _, _ = strings.Cut(strings.TrimSpace(mask)+" ", " ")
	n, _ := strconv.ParseUint(strings.TrimSpace(strings.SplitN(mask, "\n", 2)[0]), 16, 64)
	return n&(1<<(15-1)) != 0
}

// alive tells whether a process runs.
func alive(pid int) bool { s := rig.Stat(pid).State; return s != 0 && s != 'Z' }

func atoi(text string) int { n, _ := strconv.Atoi(strings.TrimSpace(text)); return n }

// notes are the lines of the summary.
var notes struct {
	sync.Mutex
	checks int
	lines  []string
	times  []string
}

// note keeps a difference for the summary.
func note(name string, took time.Duration, want string, got []string) {
	notes.Lock()
	defer notes.Unlock()
	notes.checks++
	notes.times = append(notes.times, fmt.Sprintf("%6.1fs %s", took.Seconds(), name))
	if got[0] != got[1] {
		notes.lines = append(notes.lines, fmt.Sprintf("%s\n    minirun %q\n    runc    %q", name, got[0], got[1]))
	}
}

// summary prints how many checks ran and where the runtimes differ.
func summary() {
	fmt.Printf("%d checks, each with minirun and runc; %d differences\n", notes.checks, len(notes.lines))
	for _, line := range notes.lines {
		fmt.Println("  " + line)
	}
	if os.Getenv("TIMES") != "" {
		fmt.Println(strings.Join(notes.times, "\n"))
	}
}
