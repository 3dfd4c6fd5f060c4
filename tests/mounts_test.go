package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// A mountLine is what /proc/self/mountinfo says of one mount (proc_pid_mountinfo(5)).
type mountLine struct {
	root, point, options, optional, fstype, source, super string
}

// mountsIn are the mounts of a mountinfo text.
func mountsIn(text string) (mounts []mountLine) {
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(left), strings.Fields(right)
		if ok && len(f) > 5 && len(g) == 3 {
			mounts = append(mounts, mountLine{f[3], f[4], f[5], strings.Join(f[6:], " "), g[0], g[1], g[2]})
		}
	}
	return mounts
}

// mountOf finds the topmost mount on a path in a mountinfo text.
func mountOf(text, point string) (found mountLine) {
	for _, m := range mountsIn(text) {
		if m.point == point {
			found = m
		}
	}
	return found
}

// hasAll tells whether each of the options is in one of the mount's lists; an
// option with "!" in front must not be.
func (m mountLine) hasAll(options string) error {
	all := "," + m.options + "," + m.super + ","
	for _, o := range strings.Split(options, ",") {
		name, absent := strings.CutPrefix(o, "!")
		if o != "" && strings.Contains(all, ","+name+",") == absent {
			return fmt.Errorf("option %q of %q (mount %q, file system %q)", o, options, m.options, m.super)
		}
	}
	return nil
}

const showMounts = "cat /proc/self/mountinfo"

func TestMountOptions(t *testing.T) {
	for _, c := range []struct {
		name, typ string
		options   []string
		fstype    string
		want      string
	}{
		{"tmpfs plain", "tmpfs", nil, "tmpfs", "rw,relatime,!nosuid"},
		{"tmpfs flags", "tmpfs", []string{"nosuid", "nodev", "noexec", "ro", "noatime", "nodiratime"}, "tmpfs", "ro,nosuid,nodev,noexec,noatime"},
		{"tmpfs size", "tmpfs", []string{"size=64k", "mode=700"}, "tmpfs", "size=64k,mode=700"},
		{"tmpfs inodes and owner", "tmpfs", []string{"nr_inodes=100", "uid=5", "gid=6"}, "tmpfs", "nr_inodes=100,uid=5,gid=6"},
		{"later option wins", "tmpfs", []string{"ro", "nosuid", "rw", "suid"}, "tmpfs", "rw,!nosuid"},
		{"strictatime", "tmpfs", []string{"strictatime"}, "tmpfs", "rw,!relatime,!noatime"},
		{"sync and dirsync", "tmpfs", []string{"sync"}, "tmpfs", "sync"},
		{"defaults", "tmpfs", []string{"defaults"}, "tmpfs", "rw,relatime"},
		{"proc", "proc", []string{"nosuid", "noexec", "nodev"}, "proc", "nosuid,noexec,nodev"},
		{"sysfs", "sysfs", []string{"nosuid", "noexec", "nodev", "ro"}, "sysfs", "ro,nosuid,noexec,nodev"},
		{"devpts", "devpts", []string{"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}, "devpts", "mode=620,ptmxmode=666,gid=5"},
		{"mqueue", "mqueue", []string{"nosuid"}, "mqueue", "nosuid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rig.New(t)
			switch c.name {
			case "defaults":
				r.Finding(rig.Runc, "1.1.5 hands the word to tmpfs, which refuses it")
			case "later option wins":
				r.Finding(rig.Crun, "1.8.1 keeps ro and nosuid")
			}
			text := r.Container(rig.Sh(showMounts), rig.Mount("/mnt", c.typ, c.typ, c.options...)).Output()
			m := mountOf(text, "/mnt")
			if m.fstype != c.fstype {
				t.Fatalf("file system %q, not %q:\n%s", m.fstype, c.fstype, text)
			}
			if err := m.hasAll(c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBindOptions(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
		want    string
	}{
		{"rw", nil, "rw"},
		{"ro", []string{"ro"}, "ro"},
		{"flags", []string{"ro", "nosuid", "nodev", "noexec"}, "ro,nosuid,nodev,noexec"},
		{"noatime", []string{"noatime"}, "noatime"},
		{"nodiratime", []string{"nodiratime"}, "nodiratime"},
		{"strictatime", []string{"strictatime"}, "!relatime,!noatime"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rig.New(t)
			src := r.Mkdir("src")
			r.Write("src/file", "content", 0o644)
			text := r.Container(rig.Bind(src, "/mnt", c.options...), rig.Sh("cat /mnt/file >/dev/null && "+showMounts)).Output()
			if err := mountOf(text, "/mnt").hasAll(c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

// A bind that changes nothing keeps what its source's mount has (runc#2246).
func TestBindKeepsTheFlagsOfItsSource(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 clears them")
	src := r.Mkdir("src")
	mount(r, src, "tmpfs", "nosuid,nodev,noexec")
	text := r.Container(rig.Bind(src, "/mnt"), rig.Sh(showMounts)).Output()
	if err := mountOf(text, "/mnt").hasAll("nosuid,nodev,noexec"); err != nil {
		t.Error(err)
	}
}

// tree is a bind source with a mount inside it.
func tree(r *rig.Rig) string {
	r.Helper()
	src := r.Mkdir("tree")
	mount(r, src, "tmpfs", "")
	r.Mkdir("tree/sub")
	mount(r, src+"/sub", "tmpfs", "")
	return src
}

func TestBindIsNotRecursiveAndRbindIs(t *testing.T) {
	for option, want := range map[string]string{"bind": "", "rbind": "tmpfs"} {
		t.Run(option, func(t *testing.T) {
			r := rig.New(t)
			text := r.Container(rig.Mount("/mnt", "bind", tree(r), option), rig.Sh(showMounts)).Output()
			if got := mountOf(text, "/mnt/sub").fstype; got != want {
				t.Errorf("/mnt/sub is %q, not %q", got, want)
			}
		})
	}
}

func TestRecursiveOptions(t *testing.T) {
	for _, c := range []struct{ options, top, sub string }{
		{"ro", "ro", "rw"},
		{"rro", "ro", "ro"},
		{"rro,rnosuid,rnodev,rnoexec", "ro,nosuid,nodev,noexec", "ro,nosuid,nodev,noexec"},
		{"rnoatime", "noatime", "noatime"},
		{"rnosymfollow", "nosymfollow", "nosymfollow"},
		{"ro,rnoexec", "ro,noexec", "rw,noexec"},
	} {
		t.Run(c.options, func(t *testing.T) {
			r := rig.New(t)
			if c.options == "rnoatime" || c.options == "rnosymfollow" {
				r.Finding(rig.Crun, "1.8.1 fails on, or does without, "+c.options)
			}
			options := append([]string{"rbind"}, strings.Split(c.options, ",")...)
			text := r.Container(rig.Mount("/mnt", "bind", tree(r), options...), rig.Sh(showMounts)).Output()
			if err := mountOf(text, "/mnt").hasAll(c.top); err != nil {
				t.Error(err)
			}
			if err := mountOf(text, "/mnt/sub").hasAll(c.sub); err != nil {
				t.Error("sub:", err)
			}
		})
	}
}

func TestBindOfAFile(t *testing.T) {
	r := rig.New(t)
	src := r.Write("hosts", "127.0.0.1 localhost\n", 0o644)
	c := r.Container(rig.Bind(src, "/etc/hosts", "ro"), rig.Bind(src, "/new/dir/file"), rig.Sh("cat /etc/hosts /new/dir/file; echo x > /etc/hosts"))
	x := c.Run()
	if x.Stdout != "127.0.0.1 localhost\n127.0.0.1 localhost\n" || x.Code == 0 {
		t.Errorf("%+v", x)
	}
	if got := r.Read(src); got != "127.0.0.1 localhost\n" {
		t.Errorf("the source has %q", got)
	}
}

// A source is relative to the bundle.
func TestRelativeBindSource(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Bind("data", "/mnt"), rig.Sh("cat /mnt/file"))
	if err := os.Mkdir(c.Bundle+"/data", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Bundle+"/data/file", []byte("relative"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := c.Output(); got != "relative" {
		t.Errorf("%q", got)
	}
}

// Mounts are made in the order of config.json.
func TestMountsStandOnEachOther(t *testing.T) {
	got := inside(t, rig.Mount("/a", "tmpfs", "tmpfs"), rig.Mount("/a/b", "tmpfs", "tmpfs"), rig.Mount("/a/b/c", "tmpfs", "tmpfs", "ro"),
		rig.Sh("grep -c ' /a' /proc/self/mountinfo; touch /a/b/x && echo wrote"))
	if got != "3\nwrote" {
		t.Errorf("%q", got)
	}
}

// A destination that is a symlink inside the root file system is followed there.
func TestDestinationThroughASymlink(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Mount("/var/run/x", "tmpfs", "tmpfs"), rig.Sh(showMounts))
	if err := os.Symlink("/run", c.Rootfs()+"/var/run"); err != nil {
		t.Fatal(err)
	}
	if got := mountOf(c.Output(), "/run/x").fstype; got != "tmpfs" {
		t.Errorf("/run/x is %q", got)
	}
}

func TestTmpfsMode(t *testing.T) {
	got := inside(t, rig.Mount("/t", "tmpfs", "tmpfs", "mode=1707", "size=128k"), rig.Sh("stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'"))
	if got != "1707\n128" {
		t.Errorf("%q", got)
	}
}

// A tmpfs without a mode has that of the directory that it covers.
func TestTmpfsTakesTheModeOfItsMountPoint(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 leaves tmpfs at 1777")
	c := r.Container(rig.Mount("/home", "tmpfs", "tmpfs"), rig.Sh("stat -c %a /home"))
	if err := os.Chmod(c.Rootfs()+"/home", 0o750); err != nil {
		t.Fatal(err)
	}
	if got := c.Output(); got != "750" {
		t.Errorf("mode %s, not 750", got)
	}
}

func TestTmpCopyUp(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.AllCaps(), rig.Mount("/home", "tmpfs", "tmpfs", "tmpcopyup"), rig.Sh(
		`find /home | sort; readlink /home/link; stat -c '%a %u:%g' /home/d/file; cat /home/d/file; echo new > /home/d/file`))
	for _, err := range []error{
		os.MkdirAll(c.Rootfs()+"/home/d", 0o755), os.WriteFile(c.Rootfs()+"/home/d/file", []byte("old\n"), 0o640),
		os.Chmod(c.Rootfs()+"/home/d/file", 0o640), os.Chown(c.Rootfs()+"/home/d/file", 10, 20), os.Symlink("d/file", c.Rootfs()+"/home/link"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.Output(), "/home\n/home/d\n/home/d/file\n/home/link\nd/file\n640 10:20\nold"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got := r.Read(c.Rootfs() + "/home/d/file"); got != "old\n" {
		t.Errorf("the original has %q", got)
	}
}

func TestPropagationOfAMount(t *testing.T) {
	for option, want := range map[string]string{
		"private": "", "rprivate": "", "shared": "shared:", "rshared": "shared:", "slave": "master:", "rslave": "master:", "unbindable": "unbindable",
	} {
		t.Run(option, func(t *testing.T) {
			r := rig.New(t)
			if option == "unbindable" {
				r.Finding(rig.Crun, "1.8.1 leaves it private")
			}
			src := r.Mkdir("src")
			mount(r, src, "tmpfs", "")
			c := r.Container(rig.Bind(src, "/mnt", option), rig.Sh(showMounts))
			if strings.Contains(option, "slave") || strings.Contains(option, "shared") {
				c.Edit(func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" })
			}
			got := mountOf(c.Output(), "/mnt").optional
			if !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("propagation %q, not %q", got, want)
			}
		})
	}
}

func TestRootfsPropagation(t *testing.T) {
	for option, want := range map[string]string{"": "", "private": "", "rprivate": "", "slave": "master:", "rslave": "master:", "shared": "shared:", "rshared": "shared:", "unbindable": "unbindable"} {
		t.Run("option "+option, func(t *testing.T) {
			r := rig.New(t)
			switch strings.TrimPrefix(option, "r") {
			case "shared", "unbindable":
				r.Finding(rig.Runc, "1.1.5 leaves the root private where shared is asked for, and fails on unbindable")
			case "slave":
				r.Finding(rig.Crun, "1.8.1 leaves the root private")
			}
			c := r.Container(rig.Sh(showMounts), func(s *specs.Spec) { s.Linux.RootfsPropagation = option })
			got := mountOf(c.Output(), "/").optional
			if option != "" && (!strings.Contains(got, want) || want == "" && got != "") {
				t.Errorf("propagation %q, not %q", got, want)
			}
		})
	}
}

// What the container mounts is not seen outside, and below a private mount
// nothing of what the host mounts later is seen inside.
func TestMountsDoNotPropagate(t *testing.T) {
	r := rig.New(t)
	src := r.Mkdir("src")
	mount(r, src, "tmpfs", "")
	r.Mkdir("src/in")
	r.Mkdir("src/out")
	c := r.Container(rig.AllCaps(), rig.Bind(src, "/mnt", "rprivate"), rig.Sh("mount -t tmpfs inside /mnt/in; echo ready; read -r line; "+showMounts))
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	call := r.Spawn([]string{"run", "-b", c.Bundle, c.ID}, rig.Stdin(in))
	in.Close()
	rig.Eventually(func() bool { return strings.Contains(call.Output(), "ready") })
	if host := r.Read("/proc/self/mountinfo"); mountOf(host, src+"/in").fstype != "" {
		t.Error("the container's mount is on the host")
	}
	mount(r, src+"/out", "tmpfs", "")
	w.WriteString("go on\n")
	w.Close()
	text := call.Wait().Stdout
	if mountOf(text, "/mnt/in").fstype != "tmpfs" {
		t.Fatalf("the container could not mount:\n%s", text)
	}
	if mountOf(text, "/mnt/out").fstype != "" {
		t.Error("the host's mount is in the container")
	}
}

// Below a shared mount the same is seen.
func TestSharedMountPropagates(t *testing.T) {
	r := rig.New(t)
	src := r.Mkdir("src")
	mount(r, src, "tmpfs", "")
	r.Mkdir("src/in")
	c := r.Container(rig.AllCaps(), rig.Bind(src, "/mnt", "rshared"), rig.Sh("mount -t tmpfs inside /mnt/in; echo ready; sleep 1000"),
		func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" })
	c.MustCreate().MustStart()
	if !rig.Eventually(func() bool { return mountOf(r.Read("/proc/self/mountinfo"), src+"/in").fstype == "tmpfs" }) {
		t.Error("the container's mount is not on the host")
	}
	c.MustDelete("--force")
	unmount(src + "/in")
}

// The container's view of the machine's mounts ends at its root.
func TestOldRootIsGone(t *testing.T) {
	r := rig.New(t)
	text := r.Container(rig.Sh(showMounts)).Output()
	for line := range strings.Lines(text) {
		if strings.Contains(strings.Fields(line)[4], r.Dir) || strings.Contains(strings.Fields(line)[4], "oldroot") {
			t.Errorf("a mount of the host: %s", line)
		}
	}
	if n := strings.Count(text, "\n") + 1; n > 40 {
		t.Errorf("%d mounts:\n%s", n, text)
	}
}

func TestNoPivot(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("ls -d /bin /proc/1; " + "readlink /proc/1/root"))
	if x := c.Run("--no-pivot"); x.Code != 0 || !strings.Contains(x.Stdout, "/bin\n/proc/1\n") {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}
