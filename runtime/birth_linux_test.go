package runtime

import (
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"minirun/bundles"
	"minirun/cgroups"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The fork moves a pipe of its own to the number after the highest that it
// passes on, where the image stood when that was the first free one.
func TestTheForkDoesNotOverwriteTheImage(t *testing.T) {
	text, err := os.ReadFile(jobBundle(t) + "/job")
	if err != nil {
		t.Fatal(err)
	}
	memfd, err := unix.MemfdCreate("image", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	image := os.NewFile(uintptr(memfd), "image")
	defer image.Close()
	if _, err := image.Write(text); err != nil {
		t.Fatal(err)
	}
	readonly, err := unix.Open(procPath(os.Getpid())+"/fd/"+dash(memfd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(readonly)
	image.Close()
	const highest = 90
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 20)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if fd >= highest {
			b := &birth{plan: &nsinit.Plan{}, opts: CreateOptions{ID: "c1"}, image: readonly, pidfd: -1}
			if err := b.start([]uintptr{0, 1, 2, uintptr(fd)}, -1); err != nil {
				t.Fatal(err)
			}
			unix.Close(b.pidfd)
			if status, err := b.reap(); err != nil || status != jobCode<<8 {
				t.Errorf("%s, %v", statusText(status), err)
			}
			return
		}
	}
}

// An image may have failed, too, by the time that minirun looks at what came
// of the cgroup: on a slow machine a user was told of a mount that the kernel
// refuses where the cgroup was the reason.
func TestARefusedGroupIsToldWhateverTheImageHasMet(t *testing.T) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	report, err := binary.Append(nil, binary.NativeEndian, nsinit.Report{Value: -int32(unix.EPERM)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(ends[1], report); err != nil {
		t.Fatal(err)
	}
	unix.Close(ends[1])
	cmd := exec.Command("/bin/true")
	pidfd := -1
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	b := &birth{rt: &Runtime{}, dir: &Dir{}, pid: cmd.Process.Pid, pidfd: pidfd, report: ends[0], group: cgroups.Restore(nil),
		plan:   &nsinit.Plan{Steps: []nsinit.Step{{Op: nsinit.Call{Name: "fsconfig"}, Why: "mounts[0]"}}},
		bundle: &bundles.Bundle{Spec: &specs.Spec{Linux: &specs.Linux{}}}, facts: nsinit.Facts{Rootless: true},
		making: make(chan madeGroup, 1)}
	b.making <- madeGroup{create: unix.EACCES}
	if err := b.raise(); err == nil || !strings.Contains(err.Error(), "needs a cgroup") {
		t.Error(err)
	}
}
