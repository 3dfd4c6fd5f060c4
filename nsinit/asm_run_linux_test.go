package nsinit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// ran is what came of running an image.
type ran struct {
	reports []Report
	stdout  string
	status  syscall.WaitStatus
}

// arches are all for which images can be made; those of other machines run
// under qemu's user mode.
var arches = []string{"amd64", "arm64"}

// run assembles a plan that reports on descriptor 3, executes it and waits.
func run(t testing.TB, p *Plan, attr *syscall.SysProcAttr) ran {
	t.Helper()
	im, err := Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	cmd := command(t, im, p.Arch)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &stdout, os.Stderr, attr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	got := ran{reports: readReports(t, r)}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	got.status = cmd.ProcessState.Sys().(syscall.WaitStatus)
	got.stdout = stdout.String()
	return got
}

// command executes an image: from its memfd where the processor can, else
// from a file by qemu.
func command(t testing.TB, im *Image, arch string) *exec.Cmd {
	t.Helper()
	if arch == runtime.GOARCH {
		fd, err := im.Memfd("test", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(fd) })
		return exec.Command("/proc/self/fd/" + strconv.Itoa(fd))
	}
	name := map[string]string{"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}[arch]
	qemu, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v; install it: apt-get install qemu-user-static", err)
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, im.ELF, 0o500); err != nil {
		t.Fatal(err)
	}
	return exec.Command(qemu, path)
}

func readReports(t testing.TB, r io.Reader) []Report {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil || len(data)%8 != 0 {
		t.Fatalf("read reports: %d bytes, %v", len(data), err)
	}
	var reports []Report
	for ; len(data) > 0; data = data[8:] {
		reports = append(reports, Report{
			Step:  binary.LittleEndian.Uint32(data),
			Value: int32(binary.LittleEndian.Uint32(data[4:])),
		})
	}
	return reports
}

// onEach runs a test for the images of each architecture.
func onEach(t *testing.T, test func(t *testing.T, arch string)) {
	for _, arch := range arches {
		t.Run(arch, func(t *testing.T) { test(t, arch) })
	}
}
