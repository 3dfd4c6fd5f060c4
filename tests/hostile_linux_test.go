package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// identity of a file: all that a change of it would change.
func identity(path string) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return path + ": " + err.Error()
	}
	return fmt.Sprintf("%s: inode %d:%d mode %o owner %d:%d links %d size %d changed %d.%09d", path,
		st.Dev, st.Ino, st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Ctim.Sec, st.Ctim.Nsec)
}

// fifo makes a FIFO that nobody has open.
func fifo(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// swap exchanges two names for as long as the test lets it.
func swap(t *testing.T, a, b string) (stop func()) {
	t.Helper()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// A second container, or a volume's owner, may swap a directory for a symlink
// while the runtime makes a mount there (CVE-2021-30465, CVE-2024-45310).
func TestRacerWinsNothing(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 loses the race: devices appear outside (CVE-2024-45310)")
	s := newSentinel(r)
	src := r.Mkdir("src")
	r.Write("src/file", "bound\n", 0o644)
	shared := r.Mkdir("shared") // a volume of this container and of the attacker's
	c := r.Container(rig.Bind(shared, "/vol", "rbind"), rig.Mount("/vol/dir/tmp", "tmpfs", "tmpfs"), rig.Bind(src, "/vol/dir/sub/new"),
		rig.Bind(src+"/file", "/vol/dir/other/file"), rig.Args("true"), func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/vol/dir/dev", Type: "c", Major: 1, Minor: 3}, {Path: "/pub/dir/dev", Type: "c", Major: 1, Minor: 3}}
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/vol/dir", "/pub/dir/x")
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/pub/dir/x", Type: "tmpfs", Source: "tmpfs"})
			s.Process.Cwd = "/pub/dir/cwd"
		})
	for _, place := range []string{shared, filepath.Join(c.Rootfs(), "pub")} {
		if err := os.MkdirAll(place+"/dir", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(strings.Repeat("../", 20)+s.dir, place+"/link"); err != nil {
			t.Fatal(err)
		}
		defer swap(t, place+"/dir", place+"/link")()
	}
	won := 0
	for range count(1000) {
		if x := c.Create(); x.Code == 0 {
			won++
		}
		c.MustDelete("--force")
		s.check()
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d creates went through", won)
}
