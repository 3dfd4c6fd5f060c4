package runtime

import (
	"os"
	"testing"

	"minirun/nsinit"

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
