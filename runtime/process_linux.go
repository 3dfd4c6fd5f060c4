package runtime

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"minirun/bundles"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"

	"golang.org/x/sys/unix"
)

func errno(n int32) error { return unix.Errno(n) }

// readReport reads one report of the image; nil at end-of-file. A report is
// written by one write(2) of 8 bytes, which a pipe does not split.
func readReport(fd int) (*nsinit.Report, error) {
	var buf [8]byte
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("read the init's report: %w", err)
		case n == 0:
			return nil, nil
		case n != len(buf):
			return nil, fmt.Errorf("read the init's report: %d bytes of %d", n, len(buf))
		}
		return &nsinit.Report{
			Step:  binary.NativeEndian.Uint32(buf[:]),
			Value: int32(binary.NativeEndian.Uint32(buf[4:])),
		}, nil
	}
}

func (b *birth) reap() (unix.WaitStatus, error) { return reap(b.pid) }

// reap waits for a child and returns its wait status.
func reap(pid int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == nil {
			return status, nil
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("wait for %d: %w", pid, err)
		}
	}
}

// statusText is a wait status in words.
func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		text := "killed by " + SignalName(s.Signal())
		if s.CoreDump() {
			text += " (core dumped)"
		}
		return text
	}
	return "exit status " + strconv.Itoa(s.ExitStatus())
}

// exitCode is a wait status as a shell gives it: 128+n for signal n.
func exitCode(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// ownPidNS says whether the container's processes die with its init.
func (b *birth) ownPidNS() bool {
	if b.init != nil {
		return false // an exec's process is one of the container's
	}
	n := bundles.Namespace(b.bundle.Spec.Linux, specs.PIDNamespace)
	return n != nil && n.Path == ""
}

func pidNamespace(pid int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(procPath(pid)+"/ns/pid", &st); err != nil {
		return 0, fmt.Errorf("stat PID namespace of process %d: %w", pid, err)
	}
	return st.Ino, nil
}

// files are the image's descriptors in the order of the plan.
func (b *birth) files() ([]uintptr, error) {
	files := make([]uintptr, len(b.plan.Inherit))
	for i, in := range b.plan.Inherit {
		fd, err := b.descriptor(in)
		if err != nil {
			return nil, err
		}
		files[i] = uintptr(fd)
	}
	return files, nil
}

func (b *birth) descriptor(in nsinit.Inherit) (int, error) {
	switch in.Role {
	case nsinit.RoleStdio, nsinit.RolePreserved:
		return in.N, nil
	case nsinit.RoleReport:
		if b.plan.Listener && !b.facts.Wait { // created: the connection of start takes its place
			return b.socketPair(&b.report)
		}
		return b.pipe(&b.report, 1)
	case nsinit.RoleSync:
		return b.pipe(&b.sync, 0)
	case nsinit.RoleListen:
		return b.theirsIs(b.dir.listenForStart())
	case nsinit.RoleConsole:
		return b.theirsIs(b.console, nil)
	case nsinit.RoleCreating, nsinit.RoleCreated:
		return b.stateFile(in.Role)
	case nsinit.RoleInit:
		return b.theirsIs(b.initImage())
	case nsinit.RoleOutput:
		var err error
		b.output, err = memfile("output", nil)
		return b.output, err
	case nsinit.RoleNamespace:
		fd, err := unix.Open(in.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("linux.namespaces: open %s: %w", in.Path, err)
		}
		return b.theirsIs(fd, nil)
	case nsinit.RoleIDMap:
		fd, err := b.mappingOf(in.N)
		if err != nil {
			return -1, fmt.Errorf("mounts[%d]: idmap: %w", in.N, err)
		}
		return b.theirsIs(fd, nil)
	case nsinit.RoleMount:
		fd, err := b.copyUp(in.N)
		if err != nil {
			return -1, fmt.Errorf("mounts[%d]: tmpcopyup: %w", in.N, err)
		}
		return b.theirsIs(fd, nil)
	}
	return b.joinDescriptor(in.Role)
}

// initImage is the built-in init, which the container's user executes.
func (b *birth) initImage() (int, error) {
	image, err := nsinit.Assemble(b.plan.Init)
	if err != nil {
		return -1, err
	}
	image.Open = true
	return image.Memfd("minirun-init", b.rt.Store.dir(b.opts.ID))
}

// theirsIs notes a descriptor that is closed once the image has it.
func (b *birth) theirsIs(fd int, err error) (int, error) {
	if err == nil {
		b.theirs = append(b.theirs, fd)
	}
	return fd, err
}

// pipe makes a pipe of which the image has one end, 0 or 1.
func (b *birth) pipe(ours *int, their int) (int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("pipe: %w", err)
	}
	*ours = p[1-their]
	return b.theirsIs(p[their], nil)
}

// adjustOOM is process.oomScoreAdj, which a stage sets itself. Below the
// caller's own it takes CAP_SYS_RESOURCE.
func (b *birth) adjustOOM() error {
	adj := b.bundle.Spec.Process.OOMScoreAdj
	if adj == nil || b.plan.Staged || *adj == b.facts.OOMScoreAdj {
		return nil // engines write 0 into every config; no privilege is needed for no change
	}
	if err := writeProc(procPath(b.pid)+"/oom_score_adj", strconv.Itoa(*adj)); err != nil {
		return fmt.Errorf("process.oomScoreAdj: %w", err)
	}
	return nil
}

// writePidFile writes a pid without a newline, as engines expect it, and lets
// nobody see half of it.
func writePidFile(path string, pid int) error {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(temp, strconv.AppendInt(nil, int64(pid), 10), 0o666); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}
