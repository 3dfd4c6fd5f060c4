package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// A stage is where the runs take place: bundles, a state root, names.
type stage struct {
	dir   string
	null  *os.File
	count int

	minirun string // the runtime under the inits that are measured
}

// The bundles, by the config.json that each has.
const (
	plainTrue, plainSleep   = "plain-true", "plain-sleep"
	dockerTrue, dockerSleep = "docker-true", "docker-sleep"
	dockerOpen              = "docker-open"                // dockerTrue without the seccomp profile
	plainForks, otherForks  = "plain-forks", "other-forks" // which run at the same time
)

func newStage() (*stage, error) {
	dir, err := os.MkdirTemp("", rig.Marker+"-")
	if err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, null: null}
	if err := s.mountState(); err != nil {
		return nil, err
	}
	for _, b := range []string{plainTrue, plainSleep, dockerTrue, dockerSleep, dockerOpen, plainForks, otherForks} {
		if err := s.bundle(b); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) close() {
	reap()
	rig.RemoveCgroups()
	unix.Unmount(s.state(), unix.MNT_DETACH)
	os.RemoveAll(s.dir)
}

// state is where the runtimes keep their state: on a tmpfs, as their default,
// /run, is on every host.
func (s *stage) state() string { return filepath.Join(s.dir, "state") }

func (s *stage) mountState() error {
	if err := os.Mkdir(s.state(), 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", s.state(), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=700"); err != nil {
		return fmt.Errorf("mount a tmpfs on %s: %w", s.state(), err)
	}
	return nil
}

// bundle writes one bundle; the config of docker is without the hook of its
// network, and the zeros that stand for nothing.
func (s *stage) bundle(name string) error {
	dir := filepath.Join(s.dir, name)
	if err := rig.MakeRootfs(filepath.Join(dir, "rootfs")); err != nil {
		return err
	}
	spec := rig.Spec("bench")
	if strings.HasPrefix(name, "docker-") {
		var err error
		if spec, err = rig.Recorded("docker"); err != nil {
			return err
		}
		if err := rig.Adapt(spec, dir, "bench"); err != nil {
			return err
		}
		spec.Hooks = nil
		spec.Linux.Resources.CPU = nil
		spec.Linux.Resources.BlockIO = nil
	}
	spec.Process.Args = []string{"/bin/sleep", "1000"}
	switch name {
	case plainTrue, dockerTrue, dockerOpen:
		spec.Process.Args = []string{"/bin/true"}
	case plainForks, otherForks:
		spec.Linux.CgroupsPath += name
		spec.Process.Args = []string{"/bin/sh", "-c", forkLoop}
	}
	if name == dockerOpen {
		spec.Linux.Seccomp = nil
	}
	spec.Root = &specs.Root{Path: "rootfs", Readonly: spec.Root.Readonly}
	return rig.WriteBundle(dir, spec)
}

// id is a name for the next container.
func (s *stage) id() string {
	s.count++
	return fmt.Sprintf("b%d", s.count)
}

// call runs a subject's verb and is how long that took.
func (s *stage) call(sub subject, args ...string) (time.Duration, error) {
	return s.exec(sub.path, append([]string{"--root", s.root(sub)}, args...)...)
}

// root is the state root of a subject.
func (s *stage) root(sub subject) string {
	return filepath.Join(s.state(), filepath.Base(sub.path))
}

// exec runs a program to its end with /dev/null for its descriptors.
func (s *stage) exec(path string, args ...string) (time.Duration, error) {
	begun := time.Now()
	p, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{Files: []*os.File{s.null, s.null, s.null}, Env: os.Environ()})
	if err != nil {
		return 0, err
	}
	state, err := p.Wait()
	took := time.Since(begun)
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s %v: %v%s", path, args, state, s.why(path, args))
	}
	return took, err
}

// reap waits for the inits that were orphaned to this process.
func reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
			return
		}
	}
}

// why runs a call that failed again, for its words.
func (s *stage) why(path string, args []string) string {
	out, _ := exec.Command(path, args...).CombinedOutput()
	return " (" + string(out) + ")"
}
