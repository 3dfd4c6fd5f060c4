package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// limit is what a program may take; the slowest takes some seconds.
const limit = 2 * time.Minute

// A stage is where the programs run: a directory with what they expect in
// theirs, and a /run of our own, so that no state outlives the run.
type stage struct {
	suite   *suite
	runtime string
	dir     string
}

func newStage(s *suite, runtime string) (*stage, error) {
	dir, err := os.MkdirTemp("", rig.Marker+"-")
	if err != nil {
		return nil, err
	}
	st := &stage{s, runtime, dir}
	err = errors.Join(
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), // orphans become our children
		unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"),
		os.Mkdir(st.tmp(), 0o755),
		rig.Copy(filepath.Join(s.bin, "runtimetest"), filepath.Join(dir, "runtimetest")), // a link would be copied as one
		os.Symlink(s.rootfs, filepath.Join(dir, filepath.Base(s.rootfs))))
	return st, err
}

// tmp is the programs' TMPDIR.
func (st *stage) tmp() string { return filepath.Join(st.dir, "tmp") }

// run runs a program in a mount namespace of its own (linux_ns_itype leaves
// its mounts to whoever calls it), and removes what it leaves.
func (st *stage) run(name string) (outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(st.suite.bin, name))
	cmd.Dir, cmd.Stdout, cmd.Stderr = st.dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "RUNTIME="+st.runtime, "TMPDIR="+st.tmp())
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	cmd.WaitDelay = time.Second // a container that is left may hold stdout
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return outcome{}, fmt.Errorf("run %s: %w", name, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, st.sweep()
}

// sweep ends the processes that a program left, and removes its cgroups and files.
func (st *stage) sweep() error {
	for children := orphans(); len(children) > 0; children = orphans() {
		for _, pid := range children {
			// They are children of ours, so that the number stays theirs until we wait.
			if err := errors.Join(unix.Kill(pid, unix.SIGKILL), wait(pid)); err != nil {
				return fmt.Errorf("end process %d: %w", pid, err)
			}
		}
	}
	removeCgroups()
	return errors.Join(os.RemoveAll(st.tmp()), os.Mkdir(st.tmp(), 0o755))
}

func wait(pid int) error {
	_, err := unix.Wait4(pid, nil, 0, nil)
	return err
}

// orphans are the children of this process.
func orphans() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		data, _ := os.ReadFile(f)
		for word := range strings.FieldsSeq(string(data)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// theirs are the names of the suite's cgroups: two that it chose, and a
// container's id, which is a UUID, where it chose none.
var theirs = regexp.MustCompile(`/(cgrouptest|testdir|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(/|$)`)

// removeCgroups removes the suite's cgroups that are empty, leaves first.
func removeCgroups() {
	dirs := slices.DeleteFunc(rig.CgroupsNamed(""), func(dir string) bool { return !theirs.MatchString(dir) })
	slices.Reverse(dirs)
	for _, dir := range dirs {
		unix.Rmdir(dir)
	}
}

// close removes the stage; the mounts go with the namespace.
func (st *stage) close() {
	os.RemoveAll(st.dir)
}
