package tests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// subid is the first of the host's ids that the tests' user namespaces map.
const subid = 100000

// userNS gives the container a new user namespace, or joins one.
func userNS(path string) rig.Mod {
	return func(s *specs.Spec) {
		rig.Namespace(specs.UserNamespace, path)(s)
		if path == "" {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: subid, Size: 65536}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}
	}
}

// mappedContainer is a container whose root file system belongs to the user
// namespace's root, in a bundle that only the host's root can enter, which is
// too much for the peers: they look for it as the container's.
func mappedContainer(r *rig.Rig, mods ...rig.Mod) *rig.Container {
	r.Helper()
	c := r.Container(append([]rig.Mod{userNS("")}, mods...)...)
	giveAway(r, c.Rootfs())
	if r.Runtime.Kind == rig.Minirun {
		if err := os.Chmod(c.Bundle, 0o700); err != nil {
			r.Fatal(err)
		}
	}
	return c
}

// giveAway changes the owner of a tree to the root of the user namespaces.
func giveAway(r *rig.Rig, dir string) {
	r.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, subid, subid)
	})
	if err != nil {
		r.Fatal(err)
	}
}

func TestUserNamespace(t *testing.T) {
	r := rig.New(t)
	c := mappedContainer(r, rig.AllCaps(), rig.Sh(`id -u; id -G; tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; cat /proc/self/setgroups
		touch /file && ls -ln /file | tr -s ' ' | cut -d' ' -f3,4; grep -E 'Cap(Eff|Bnd)' /proc/self/status`))
	x := c.Run()
	want := "0\n0\n 0 100000 65536\n 0 100000 65536\nallow\n0 0\nCapEff:\t00000000082c30fb\nCapBnd:\t00000000082c30fb\n"
	if r.Runtime.Kind != rig.Minirun { // which hold less where the caller does
		want = strings.Split(want, "CapEff")[0]
	}
	if x.Code != 0 || !strings.HasPrefix(x.Stdout, want) {
		t.Errorf("code %d\n%s%s, want\n%s", x.Code, x.Stdout, x.Stderr, want)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(c.Rootfs(), "file"), &st); err != nil || st.Uid != subid || st.Gid != subid {
		t.Errorf("on the host the file belongs to %d:%d, %v", st.Uid, st.Gid, err)
	}
}

func TestUserNamespaceFromOutside(t *testing.T) {
	r := rig.New(t)
	c := mappedContainer(r, func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 7, AdditionalGids: []uint32{5, 8}} })
	c.MustCreate().MustStart()
	pid := c.Pid()
	if nsOf(t, pid, "user") == nsOf(t, "self", "user") {
		t.Error("the container is in the host's user namespace")
	}
	if !rig.Eventually(func() bool { return strings.HasPrefix(r.Proc(pid, "cmdline"), "sleep") }) {
		t.Fatalf("cmdline %q", r.Proc(pid, "cmdline"))
	}
	for key, want := range map[string]string{
		"Uid": "101000 101000 101000 101000", "Gid": "100007 100007 100007 100007", "Groups": "100005 100008", "NSpid": fmt.Sprint(pid, " 1"),
	} {
		if got := r.ProcStatus(pid, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := c.OK("ps", "--format", "json", c.ID).Stdout; strings.Join(strings.Fields(got), "") != fmt.Sprintf("[%d]", pid) {
		t.Errorf("ps: %s", got)
	}
	c.Stop()
	c.MustDelete()
}

// Nodes cannot be made in a user namespace: the host's are mounted.
func TestDevicesInAUserNamespace(t *testing.T) {
	got := mappedContainer(rig.New(t), rig.Sh(`for d in null zero full tty random urandom; do test -c /dev/$d || echo no $d; done
		echo x > /dev/null; head -c 3 /dev/zero | wc -c; echo x 2>&1 > /dev/full; head -c 5 /dev/urandom | wc -c; test -L /dev/ptmx && echo ptmx`)).Run()
	if got.Stdout != "3\nsh: write error: No space left on device\n5\nptmx\n" {
		t.Errorf("code %d: %s%s", got.Code, got.Stdout, got.Stderr)
	}
}

func TestWrongDeviceNumbersInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("it looks at what it mounts")
	c := mappedContainer(r, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/zero", Type: "c", Major: 1, Minor: 3}}
	})
	if x := c.Create(); x.Code == 0 || !strings.Contains(x.Message(), "the host's /dev/zero is not character device 1:3") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

// What the container's root may not reach, or copy, is opened before it is that.
func TestSourcesOfMountsInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 opens the source as the container's root, where it may not be reached")
	r.Finding(rig.Crun, "1.8.1 opens the source as the container's root, where it may not be reached")
	secret := r.Mkdir("secret")
	for _, dir := range []string{"data", "data/below"} {
		r.Mkdir("secret/" + dir)
	}
	r.Write("secret/data/file", "read\n", 0o644)
	if err := unix.Mount("tmpfs", secret+"/data/below", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(secret+"/data/below", unix.MNT_DETACH) })
	r.Write("secret/data/below/hidden", "hidden\n", 0o644)
	if err := os.Chmod(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	c := mappedContainer(r, rig.Bind(secret+"/data", "/one", "ro"), rig.Mount("/all", "bind", secret+"/data", "rbind"),
		rig.Sh("cat /one/file; ls /one/below; ls /all/below; touch /one/x 2>&1"))
	x := c.Run()
	if x.Stdout != "read\nhidden\ntouch: /one/x: Read-only file system\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	if err := unix.Unmount(secret+"/data/below", 0); err != nil {
		t.Error(err)
	}
}

// The mounts of this test's namespace are shared; what a container with a user
// namespace mounts must not come back, whatever propagation it asks for.
func TestMountsOfAUserNamespaceStayInside(t *testing.T) {
	for _, propagation := range []string{"", "rslave", "rshared", "rprivate"} {
		r := rig.New(t)
		r.Finding(rig.Crun, "1.8.1 with rshared: what the container mounts appears on the host")
		dir := r.Mkdir("volume")
		if err := os.Chown(dir, subid, subid); err != nil {
			t.Fatal(err)
		}
		c := mappedContainer(r, rig.AllCaps(), rig.Bind(dir, "/volume"), rig.Sh("mount -t tmpfs none /volume && mount -t tmpfs none /mnt && echo mounted"),
			func(s *specs.Spec) { s.Linux.RootfsPropagation, s.Linux.Seccomp = propagation, nil })
		if err := os.Mkdir(c.Rootfs()+"/mnt", 0o755); err != nil {
			t.Fatal(err)
		}
		if got := c.Output(); got != "mounted" {
			t.Errorf("rootfsPropagation %q: %s", propagation, got)
		}
		mounts := r.Read("/proc/self/mountinfo")
		if strings.Contains(mounts, dir) || strings.Contains(mounts, c.Rootfs()) {
			t.Errorf("rootfsPropagation %q: the host has the container's mounts", propagation)
		}
	}
}

func TestExecInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	c := mappedContainer(r, rig.Namespace(specs.CgroupNamespace, "")).MustCreate()
	look := []string{"exec", c.ID, "sh", "-c", "id -u; id -G; readlink /proc/self/ns/user; readlink /proc/self/ns/cgroup"}
	want := fmt.Sprintf("0\n0\n%s\n%s\n", nsOf(t, c.Pid(), "user"), nsOf(t, c.Pid(), "cgroup"))
	if r.Runtime.Kind == rig.Minirun {
		if got := c.OK(look...).Stdout; got != want {
			t.Errorf("created: %s, want %s", got, want)
		}
	}
	c.MustStart()
	if got := c.OK(look...).Stdout; got != want {
		t.Errorf("running: %s, want %s", got, want)
	}
	in := c.OK("exec", "--user", "12:34", c.ID, "sh", "-c", "id -u; id -g; touch /tmp/x && echo made").Stdout
	if in != "12\n34\nmade\n" {
		t.Errorf("as a user: %s", in)
	}
	var st unix.Stat_t
	if err := unix.Stat(c.Rootfs()+"/tmp/x", &st); err != nil || st.Uid != subid+12 || st.Gid != subid+34 {
		t.Errorf("on the host its file belongs to %d:%d, %v", st.Uid, st.Gid, err)
	}
	c.MustDelete("--force")
}

// exec needs no procfs of the container's, and trusts none.
func TestExecInAUserNamespaceWithoutAProcfs(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the peers set the process up by the container's /proc")
	for name, mounts := range map[string][]specs.Mount{
		"none":       nil,
		"the host's": {{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}},
	} {
		c := mappedContainer(r, func(s *specs.Spec) {
			s.Mounts = append(mounts, s.Mounts[1:]...)
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths, s.Linux.Seccomp = nil, nil, nil
			if name == "the host's" {
				rig.HostNamespace(specs.PIDNamespace)(s)
			}
		}).MustCreate().MustStart()
		x := c.Do("exec", "--user", "12:34", c.ID, "sh", "-c", "id -u; id -g; touch /tmp/x && echo made")
		if x.Code != 0 || x.Stdout != "12\n34\nmade\n" {
			t.Errorf("/proc is %s: code %d: %s%s", name, x.Code, x.Stdout, x.Stderr)
		}
		c.MustDelete("--force")
	}
}

// What is mounted is rooted at the container's own cgroup, whatever the version.
func TestCgroupMountBeginsAtTheContainersCgroup(t *testing.T) {
	r := rig.New(t)
	script := rig.Sh(`cd /sys/fs/cgroup; test -d pids && cd pids; grep -c '^1$' cgroup.procs; test -e pids.max && echo limited`)
	for name, c := range map[string]*rig.Container{
		"a cgroup namespace":                          r.Container(rig.Namespace(specs.CgroupNamespace, ""), script),
		"with a user namespace":                       mappedContainer(r, rig.Namespace(specs.CgroupNamespace, ""), script),
		"a user namespace, the host's cgroups to see": mappedContainer(r, rig.HostNamespace(specs.CgroupNamespace), script),
	} {
		if x := c.Run(); x.Stdout != "1\nlimited\n" {
			t.Errorf("%s: code %d: %s%s", name, x.Code, x.Stdout, x.Stderr)
		}
	}
}

// On cgroup v2 the container's root makes groups in its own, whose limits
// stay the host's; on v1, where that is not safe, it makes none.
func TestTheCgroupIsTheMappedRoots(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 gives it away with systemd's driver only")
	c := mappedContainer(r, rig.Namespace(specs.CgroupNamespace, ""), func(s *specs.Spec) {
		for i := range s.Mounts {
			if isCgroup(s.Mounts[i]) {
				s.Mounts[i].Options = []string{"nosuid", "noexec", "nodev"}
			}
		}
	}, rig.Sh(`cd /sys/fs/cgroup; test -d pids && cd pids
		mkdir below 2>/dev/null && echo made; mkdir below/leaf 2>/dev/null && echo $$ > below/leaf/cgroup.procs && echo moved
		echo 5 2>/dev/null > pids.max || echo no limit; cat /proc/self/cgroup | grep -c below/leaf`))
	want := "no limit\n0"
	if rig.OnlyV2() {
		want = "made\nmoved\nno limit\n1"
	}
	if x := c.Run(); strings.TrimSpace(x.Stdout) != want {
		t.Errorf("code %d: %s%s, want %s", x.Code, x.Stdout, x.Stderr, want)
	}
}

func TestTerminalInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	c := mappedContainer(r, terminal, rig.Sh(whatTerminal+"; ls -ln $(tty) | tr -s ' ' | cut -d' ' -f3,4; echo end"),
		func(s *specs.Spec) { s.Process.User.UID = 1000 })
	sock, wait := r.Receive("console.sock")
	c.MustCreate("--console-socket", sock)
	h := wait()
	term := r.Attach(nonblocking(t, h.File))
	c.MustStart()
	term.Expect(r, "end")
	for _, want := range []string{"/dev/pts/0", "alltty", "1000 5"} {
		if !strings.Contains(term.Text(), want) {
			t.Errorf("no %q in %q", want, term.Text())
		}
	}
	c.WaitStopped()
	c.MustDelete()
}

// A program that is not root reopens its standard streams, which are pipes.
func TestStdioIsTheMappedUsers(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the pipes change hands before the user namespace")
	user := func(s *specs.Spec) { s.Process.User.UID = 1000 }
	c := mappedContainer(r, user, rig.Sh("echo out > /dev/stdout; echo err > /dev/stderr"))
	in, out, errs := pipes(t)
	in[1].Close()
	c.CreateWith([]rig.Option{rig.Stdio(in[0], out[0], errs[0])})
	for _, f := range []*os.File{in[0], out[0], errs[0]} {
		f.Close()
	}
	c.MustStart()
	if o, e := eof(t, out[1]), eof(t, errs[1]); o != "out\n" || e != "err\n" {
		t.Errorf("%q, %q", o, e)
	}
	c.WaitStopped()
	c.MustDelete()
}

func TestHooksOfAUserNamespace(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 enters the bundle for createContainer hooks as the container's root")
	dir, _ := notes(r)
	c := mappedContainer(r, allHooks("{ echo %s $(id -u) $(cut -d' ' -f1 /proc/self/uid_map | wc -l); } >> "+dir+"/log"))
	if err := os.Chmod(c.Bundle, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Edit(func(s *specs.Spec) { s.Hooks.StartContainer = nil })
	if err := os.WriteFile(dir+"/log", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/log", 0o666); err != nil {
		t.Fatal(err)
	}
	c.MustCreate().MustStart()
	c.MustDelete("--force")
	want := "prestart 0 1\ncreateRuntime 0 1\ncreateContainer 0 1\npoststart 0 1\npoststop 0 1\n"
	if got := r.Read(dir + "/log"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCopyUpInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("tmpcopyup")
	c := mappedContainer(r, rig.Mount("/etc", "tmpfs", "tmpfs", "tmpcopyup"),
		rig.Sh("ls -lnd /etc /etc/passwd | tr -s ' ' | cut -d' ' -f3,4; echo x > /etc/new && echo made"))
	if got := c.Output(); got != "0 0\n0 0\nmade" {
		t.Error(got)
	}
}

// A hard limit above the caller's takes a right of the host; below, it takes none.
func TestLimitsSysctlsAndOOMInAUserNamespace(t *testing.T) {
	r := rig.New(t)
	c := mappedContainer(r, rig.Sh("ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/self/oom_score_adj"), func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_unprivileged_port_start": "0"}
		s.Process.OOMScoreAdj = ptr(700)
	})
	if got := c.Output(); got != "100\n200\n0\n700" {
		t.Error(got)
	}
}
