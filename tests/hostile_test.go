package tests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// A sentinel is a directory of the host that a hostile root file system points
// at. Whatever a runtime does with that, nothing in it changes.
type sentinel struct {
	*rig.Rig
	dir    string
	before string
}

func newSentinel(r *rig.Rig) *sentinel {
	r.Helper()
	s := &sentinel{Rig: r, dir: r.Mkdir("sentinel")}
	r.Mkdir("sentinel/dir")
	r.Write("sentinel/file", "the host's\n", 0o600)
	r.Write("sentinel/ptmx", "removed by CVE-2026-41579\n", 0o600)
	r.Write("sentinel/dir/file", "the host's\n", 0o600)
	s.before = s.look()
	return s
}

// look tells every name, kind, mode, owner, size and time in the directory.
func (s *sentinel) look() string {
	var out []string
	filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		out = append(out, identity(path))
		return nil
	})
	sort.Strings(out)
	return strings.Join(out, "\n")
}

// check fails the test when the directory has changed or has a mount on it.
func (s *sentinel) check() {
	s.Helper()
	if now := s.look(); now != s.before {
		s.Errorf("outside the root file system there was\n%s\nand now is\n%s", s.before, now)
	}
	for line := range strings.Lines(s.Read("/proc/self/mountinfo")) {
		if point := strings.Fields(line)[4]; strings.HasPrefix(point, s.Dir) {
			s.Errorf("a mount on the host's %s", point)
		}
	}
}

// links are the ways in which a path of the image can point outside.
func (s *sentinel) links() map[string]string {
	up := strings.Repeat("../", 20)
	return map[string]string{
		"absolute":               s.dir,
		"absolute to a file":     s.dir + "/file",
		"relative":               up + s.dir,
		"dangling":               s.dir + "/new",
		"dangling, relative":     up + s.dir + "/new/er",
		"dots":                   up,
		"to the root":            "/",
		"through proc":           "/proc/1/root" + s.dir,
		"through a magic link":   "/proc/self/cwd/../../sentinel",
		"a loop":                 "loop",
		"with a trailing slash":  s.dir + "/",
		"dots inside a link":     "/bin/../" + up + s.dir,
		"to a directory's inner": s.dir + "/dir",
	}
}

// targets are paths on which a runtime mounts, makes or opens something.
var targets = []string{"proc", "sys", "dev", "dev/pts", "dev/shm", "dev/null", "dev/console", "dev/ptmx", "dev/fd", "dev/made", "mnt", "mnt/sub", "mnt/file", "work", "etc/passwd"}

// hostile has mounts, devices and paths at all targets. Without the tmpfs on
// /dev the image's own /dev is what the devices are made in.
func hostile(src string, devTmpfs bool) rig.Mod {
	return func(s *specs.Spec) {
		s.Process.Cwd = "/work"
		s.Process.User = specs.User{UID: 1000, GID: 1000}
		s.Process.Args = []string{"true"}
		if !devTmpfs {
			s.Mounts = append(s.Mounts[:1], s.Mounts[3:]...)
		}
		s.Mounts = append(s.Mounts,
			specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}},
			specs.Mount{Destination: "/mnt/sub", Type: "bind", Source: src, Options: []string{"bind"}},
			specs.Mount{Destination: "/mnt/file", Type: "bind", Source: src + "/file", Options: []string{"bind", "ro"}},
		)
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/made", Type: "c", Major: 1, Minor: 3, FileMode: ptr(os.FileMode(0o666)), UID: ptr(uint32(1000)), GID: ptr(uint32(1000))}}
		s.Linux.MaskedPaths = []string{"/proc/keys", "/work", "/mnt/masked", "/dev/null"}
		s.Linux.ReadonlyPaths = []string{"/proc/sys", "/work", "/mnt"}
	}
}

// plant replaces a path of a root file system by a link, or by a file when
// there is no link to make.
func plant(c *rig.Container, path, link string) {
	c.Helper()
	full := filepath.Join(c.Rootfs(), path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		c.Fatal(err)
	}
	os.RemoveAll(full)
	var err error
	if link == "" {
		err = os.WriteFile(full, []byte("the image's\n"), 0o666)
	} else {
		err = os.Symlink(link, full)
	}
	if err != nil {
		c.Fatal(err)
	}
}

func TestSymlinksInTheImageLeadNowhere(t *testing.T) {
	for _, target := range targets {
		for _, dev := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, tmpfs on dev %v", target, dev), func(t *testing.T) {
				r := rig.New(t)
				if target == "dev" {
					r.Finding(rig.Runc, "1.1.5 follows it, removes ptmx and makes links outside (CVE-2026-41579)")
				}
				s := newSentinel(r)
				src := r.Mkdir("src")
				r.Write("src/file", "bound\n", 0o644)
				links := s.links()
				links["a file"] = ""
				for name, link := range links {
					c := r.Container(hostile(src, dev))
					plant(c, target, link)
					if x := c.Create(); x.Code == 0 {
						s.check()
						c.Start()
						c.MustDelete("--force")
					}
					s.check()
					if t.Failed() {
						t.Fatalf("link %s: %s", name, link)
					}
					os.RemoveAll(c.Bundle)
				}
			})
		}
	}
}

// A link in the middle of a path is as bad as one at its end.
func TestSymlinkedParentsLeadNowhere(t *testing.T) {
	r := rig.New(t)
	s := newSentinel(r)
	for name, link := range s.links() {
		c := r.Container(rig.Mount("/var/deep/er/tmp", "tmpfs", "tmpfs"), rig.Bind(r.Path("sentinel/file"), "/var/deep/new/file", "ro"), func(s *specs.Spec) {
			s.Process.Cwd = "/var/deep/cwd"
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/var/deep/dev", Type: "c", Major: 1, Minor: 3}}
		})
		plant(c, "var/deep", link)
		c.Create()
		s.check()
		c.MustDelete("--force")
		s.check()
		if t.Failed() {
			t.Fatalf("link %s: %s", name, link)
		}
	}
}

// Where a masked file is covered by the image's own /dev/null, what it covers
// is to be neither readable nor writable (CVE-2025-31133).
func TestMaskIsTheRealNull(t *testing.T) {
	for name, link := range map[string]string{"a link to a procfs file": "/proc/sys/kernel/core_pattern", "a file": "", "a link to a file": "/etc/group"} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			if name != "a link to a procfs file" {
				r.Finding(rig.Runc, "1.1.5 takes it for the caller's stdout, and the output is lost in it")
				r.Finding(rig.Crun, "1.8.1 takes it for the caller's stdout, and the output is lost in it")
			}
			before := r.Read("/proc/sys/kernel/core_pattern")
			c := r.Container(rig.Sh("cat /secret; stat -c %t:%T /secret; echo x > /secret"), func(s *specs.Spec) {
				s.Mounts = s.Mounts[:1]
				s.Linux.MaskedPaths = []string{"/secret"}
			})
			plant(c, "secret", "")
			plant(c, "dev/null", link)
			x := c.Run()
			if x.Code == 0 && strings.TrimSpace(x.Stdout) != "1:3" {
				t.Errorf("inside: %q", x.Stdout)
			}
			if r.Read("/proc/sys/kernel/core_pattern") != before {
				t.Error("the host's core_pattern is another")
			}
		})
	}
}

// A working directory that is a descriptor of the runtime's would be the host's
// (CVE-2024-21626).
func TestWorkingDirectoryIsInside(t *testing.T) {
	r := rig.New(t)
	s := newSentinel(r)
	for fd := 0; fd < 24; fd++ {
		for _, through := range []string{"cwd", "link"} {
			c := r.Container(rig.Sh("ls ../../../../../../.." + s.dir + " >/dev/null 2>&1 && echo OUTSIDE; exit 0"))
			path := fmt.Sprintf("/proc/self/fd/%d", fd)
			if through == "link" {
				plant(c, "work", path)
				path = "/work"
			}
			c.Edit(func(s *specs.Spec) { s.Process.Cwd = path })
			if x := c.Run(); strings.Contains(x.Stdout, "OUTSIDE") {
				t.Errorf("descriptor %d, %s: the working directory is the host's", fd, through)
			}
			os.RemoveAll(c.Bundle)
		}
	}
	s.check()
}

// A program is looked up in the container, whatever its links say.
func TestProgramOfTheHostIsNotRun(t *testing.T) {
	r := rig.New(t)
	tool := r.Write("tool", "#!/bin/sh\necho the host\n", 0o755)
	for name, link := range map[string]string{"absolute": tool, "relative": strings.Repeat("../", 20) + tool} {
		c := r.Container(rig.Args("/bin/linked"))
		plant(c, "bin/linked", link)
		if x := c.Create(); x.Code == 0 {
			t.Errorf("%s: create succeeded", name)
			c.MustDelete("--force")
		}
	}
}

// An image may hold a FIFO where a runtime reads a file: nobody waits for it.
func TestFifosDoNotBlock(t *testing.T) {
	for _, path := range []string{"etc/passwd", "etc/group", "dev/null", "dev/console", "dev/ptmx"} {
		t.Run(path, func(t *testing.T) {
			r := rig.New(t)
			if strings.HasPrefix(path, "etc") {
				r.Finding(rig.Runc, "1.1.5 opens it and waits for ever")
			}
			if path == "etc/passwd" {
				r.Finding(rig.Crun, "1.8.1 opens it and waits for ever, with SIGKILL leaving the cgroups")
			}
			c := r.Container(rig.Sh("exit 0"), func(s *specs.Spec) { s.Mounts = s.Mounts[:1] })
			os.RemoveAll(filepath.Join(c.Rootfs(), path))
			fifo(t, filepath.Join(c.Rootfs(), path))
			c.Run() // the driver's deadline is the assertion
		})
	}
}

// Sources of a container's own writable directory under /proc must not catch
// what the runtime writes to procfs (CVE-2019-16884, CVE-2025-52881).
func TestFalseProcIsNotWritten(t *testing.T) {
	r := rig.New(t)
	src := r.Mkdir("src")
	for _, file := range []string{"sys/kernel/shmmax", "self/oom_score_adj", "self/attr/exec", "1/oom_score_adj"} {
		r.Mkdir(filepath.Dir("src/" + file))
		r.Write("src/"+file, "false\n", 0o666)
	}
	c := r.Container(func(s *specs.Spec) {
		s.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: src, Options: []string{"bind"}}
		s.Linux.Sysctl = map[string]string{"kernel.shmmax": "65536"}
		s.Process.OOMScoreAdj = ptr(100)
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
	})
	if x := c.Create(); x.Code == 0 {
		c.MustStart()
		c.MustDelete("--force")
	}
	filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && r.Read(path) != "false\n" {
			t.Errorf("%s was written: %q", path, r.Read(path))
		}
		return nil
	})
}

// Odd destinations of mounts stay inside.
func TestOddDestinations(t *testing.T) {
	r := rig.New(t)
	s := newSentinel(r)
	up := strings.Repeat("../", 20)
	for _, d := range []string{"/../../../" + s.dir, up + s.dir + "/x", "relative", "/a//b/./c/", "/with space", "/with\nnewline", "/with]:bracket", "/" + strings.Repeat("d/", 100), "/"} {
		c := r.Container(rig.Mount(d, "tmpfs", "tmpfs"))
		c.Create()
		s.check()
		c.MustDelete("--force")
	}
}
