package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// nobody is a user of this machine without any right.
const nobody = 64123

// asUser makes every call of a rig's one of an unprivileged user, who owns the
// state root and may execute the runtime.
type asUser struct {
	*rig.Rig
	id   uint32
	opts []rig.Option
}

func unprivileged(t *testing.T) asUser {
	r := rig.New(t)
	xdg := r.Mkdir("xdg")
	if err := os.Chown(xdg, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return userOf(r, nobody, xdg)
}

// userOf is a user whose XDG_RUNTIME_DIR is xdg.
func userOf(r *rig.Rig, id uint32, xdg string) asUser {
	r.Helper()
	r.Finding(rig.Crun, "1.8.1 wants the v1 hierarchies delegated, or v2")
	path := r.Path("runtime-" + string(r.Runtime.Kind))
	err := errors.Join(rig.Copy(r.Runtime.Path, path), os.Mkdir(r.Root, 0o755), os.Chown(r.Root, int(id), int(id)),
		os.Chmod(filepath.Dir(r.Root)+"/tmp", 0o777))
	if err != nil {
		r.Fatal(err)
	}
	r.Runtime.Path = path
	return asUser{r, id, []rig.Option{
		rig.Env("PATH=/usr/local/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR="+xdg),
		func(c *exec.Cmd) {
			if c.SysProcAttr == nil {
				c.SysProcAttr = &syscall.SysProcAttr{}
			}
			c.SysProcAttr.Credential = &syscall.Credential{Uid: id, Gid: id}
		},
	}}
}

// container is one of the config that `spec --rootless` writes.
func (u asUser) container(mods ...rig.Mod) *rig.Container {
	u.Helper()
	c := u.Container(func(s *specs.Spec) {
		rig.HostNamespace(specs.NetworkNamespace)(s)
		rig.Namespace(specs.UserNamespace, "")(s)
		rig.Namespace(specs.CgroupNamespace, "")(s)
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: u.id, Size: 1}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Linux.Resources, s.Linux.CgroupsPath = nil, ""
		s.Mounts[2].Options = s.Mounts[2].Options[:5] // without gid=5, which is not mapped
		s.Mounts[5] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "rro"}}
	})
	c.Edit(mods...)
	for _, path := range []string{c.Bundle, c.Rootfs()} {
		if err := os.Chown(path, int(u.id), int(u.id)); err != nil {
			u.Fatal(err)
		}
	}
	return c
}

func (u asUser) ok(args ...string) string {
	u.Helper()
	x := u.DoWith(u.opts, args...)
	if x.Code != 0 {
		u.Fatalf("%v: code %d: %s", args, x.Code, x.Stderr)
	}
	return x.Stdout
}

func TestRootlessLife(t *testing.T) {
	u := unprivileged(t)
	u.MinirunOnly("ps and exec without a cgroup, and its warning")
	c := u.container(rig.Sh("id -u; echo ready > /ready; sleep 1000"))
	x := c.CreateWith(u.opts)
	if x.Code != 0 || !strings.Contains(x.Stderr, "the container has no cgroup: ") || strings.Count(x.Stderr, "\n") != 1 {
		t.Fatalf("create: code %d: %s", x.Code, x.Stderr)
	}
	if got := u.ok("state", c.ID); !strings.Contains(got, `"created"`) {
		t.Errorf("state %s", got)
	}
	u.ok("exec", c.ID, "sh", "-c", "test $(id -u) = 0 && touch /from-exec")
	u.ok("start", c.ID)
	if !rig.Eventually(func() bool { _, err := os.Stat(c.Rootfs() + "/ready"); return err == nil }) {
		t.Fatal("the program does not run")
	}
	var st unix.Stat_t
	if err := unix.Stat(c.Rootfs()+"/from-exec", &st); err != nil || st.Uid != nobody {
		t.Errorf("a file of exec's belongs to %d, %v", st.Uid, err)
	}
	if got := u.ok("ps", "--format", "json", c.ID); strings.TrimSpace(got) == "null" || strings.Contains(got, ",") {
		t.Errorf("ps %s", got)
	}
	for _, verb := range [][]string{{"pause", c.ID}, {"update", "--pids-limit", "5", c.ID}, {"events", "--stats", c.ID}, {"kill", "--all", c.ID, "TERM"}} {
		if x := u.DoWith(u.opts, verb...); x.Code == 0 || !strings.Contains(x.Stderr, "the container has no cgroup") {
			t.Errorf("%v: code %d: %s", verb, x.Code, x.Stderr)
		}
	}
	u.ok("kill", c.ID, "KILL")
	rig.ReapOrphans()
	if !rig.Eventually(func() bool { rig.ReapOrphans(); return strings.Contains(u.ok("state", c.ID), `"stopped"`) }) {
		t.Error("not stopped")
	}
	u.ok("delete", c.ID)
}

// Without a cgroup there is none to show, and an error is the first line: what
// engines take for the reason.
func TestRootlessCgroupMountAndErrors(t *testing.T) {
	u := unprivileged(t)
	u.MinirunOnly("an empty place, and errors before warnings")
	host := func(s *specs.Spec) {
		rig.HostNamespace(specs.CgroupNamespace)(s)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	}
	if x := u.container(host, rig.Sh("ls /sys/fs/cgroup/pids | wc -l")).RunWith(u.opts); x.Stdout != "0\n" && !rig.OnlyV2() {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	x := u.container(rig.Args("/no/such")).CreateWith(u.opts)
	if x.Code == 0 || strings.Count(x.Stderr, "\n") != 1 || !strings.Contains(x.Stderr, "no such file") {
		t.Errorf("code %d: %s", x.Code, x.Stderr)
	}
}

// What the kernel shows of a rootless container: one id, no groups, a hostile
// root that cannot reach the host's cgroups, and no capability outside.
func TestRootlessInside(t *testing.T) {
	u := unprivileged(t)
	c := u.container(rig.AllCaps(), rig.Sh(`tr -s ' ' < /proc/self/uid_map; cat /proc/self/setgroups; echo x > /dev/null && echo null
		for f in $(find /sys/fs/cgroup -name cgroup.procs 2>/dev/null); do echo 0 > $f && echo wrote $f; done 2>/dev/null
		mknod /x c 1 3 2>/dev/null && echo made; hostname inside && hostname`))
	x := c.RunWith(u.opts)
	if want := fmt.Sprintf(" 0 %d 1\ndeny\nnull\ninside\n", nobody); x.Code != 0 || x.Stdout != want {
		t.Errorf("code %d: %s%s, want %s", x.Code, x.Stdout, x.Stderr, want)
	}
}

func TestRootlessSpecRuns(t *testing.T) {
	u := unprivileged(t)
	c := u.container()
	if err := os.Remove(c.Bundle + "/config.json"); err != nil {
		t.Fatal(err)
	}
	u.ok("spec", "--rootless", "--bundle", c.Bundle)
	text := u.Read(c.Bundle + "/config.json")
	text = strings.Replace(strings.Replace(text, `"terminal": true`, `"terminal": false`, 1), `"sh"`, `"id"`, 1)
	u.Write(filepath.Base(c.Bundle)+"/config.json", text, 0o644)
	if x := c.RunWith(u.opts); x.Code != 0 || !strings.HasPrefix(x.Stdout, "uid=0") {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

// Without privileges there is a clear word for what there cannot be.
func TestRootlessRefusals(t *testing.T) {
	u := unprivileged(t)
	u.MinirunOnly("its words")
	for name, c := range map[string]struct {
		mod  rig.Mod
		want string
	}{
		"no user namespace": {func(s *specs.Spec) {
			rig.HostNamespace(specs.UserNamespace)(s)
			s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
		}, "a user namespace is missing"},
		"a limit": {func(s *specs.Spec) {
			s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(7))}}
		}, "linux.resources needs a cgroup"},
		"a place":                  {func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + rig.Marker + "/rootless" }, "linux.cgroupsPath"},
		"the host's PID namespace": {rig.HostNamespace(specs.PIDNamespace), "without a PID namespace of its own"},
		"somebody else's id": {func(s *specs.Spec) {
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}}
		}, "linux.uidMappings: "},
		"a group": {func(s *specs.Spec) {
			s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: nobody, Size: 1}}
			s.Process.User.AdditionalGids = []uint32{0}
		}, "additionalGids"},
	} {
		box := u.container(c.mod)
		if x := box.CreateWith(u.opts); x.Code == 0 || !strings.Contains(x.Stderr, c.want) {
			t.Errorf("%s: code %d: %s", name, x.Code, x.Stderr)
		}
		if box.Exists() {
			t.Errorf("%s: the state is left", name)
		}
	}
	auto := u.container()
	if x := auto.DoWith(u.opts, "--rootless=false", "create", "--bundle", auto.Bundle, auto.ID); x.Code == 0 || !strings.Contains(x.Stderr, "permission denied") {
		t.Errorf("--rootless=false: code %d: %s", x.Code, x.Stderr)
	}
}

// More than the caller's own id is mapped by newuidmap(1) and newgidmap(1).
func TestRootlessWithSubordinateIDs(t *testing.T) {
	u := unprivileged(t)
	u.Finding(rig.Runc, "1.1.5 sets no further group in a rootless container")
	if _, err := exec.LookPath("newuidmap"); err != nil {
		rig.Skip(t, "no newuidmap")
	}
	overlay(u.Rig, "/etc/passwd", u.Read("/etc/passwd")+fmt.Sprintf("minirun-test:x:%d:%d::/:/bin/sh\n", nobody, nobody))
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		overlay(u.Rig, file, fmt.Sprintf("minirun-test:%d:1000\n", subid))
	}
	c := u.container(func(s *specs.Spec) {
		s.Linux.UIDMappings = append(s.Linux.UIDMappings[:1:1], specs.LinuxIDMapping{ContainerID: 1, HostID: subid, Size: 1000})
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Process.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7}}
	}, rig.Sh("id -u; id -G; cat /proc/self/setgroups; tr -s ' ' < /proc/self/uid_map"))
	x := c.RunWith(u.opts)
	if want := fmt.Sprintf("5\n6 7\nallow\n 0 %d 1\n 1 %d 1000\n", nobody, subid); x.Code != 0 || x.Stdout != want {
		t.Errorf("code %d: %s%s, want %s", x.Code, x.Stdout, x.Stderr, want)
	}
}

// Root of a user namespace that an unprivileged user has made, as by
// unshare(1) -Urm: setgroups(2) is denied there and in every one below.
func TestUserNamespaceWhereSetgroupsIsDenied(t *testing.T) {
	u := unprivileged(t)
	own := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
	u.opts = append(u.opts, func(c *exec.Cmd) {
		c.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
		c.SysProcAttr.UidMappings, c.SysProcAttr.GidMappings = own, own
	})
	c := u.container(func(s *specs.Spec) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}, rig.Sh("id -u; cat /proc/self/setgroups"))
	if x := c.RunWith(u.opts); x.Code != 0 || x.Stdout != "0\ndeny\n" {
		t.Errorf("code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
}

// overlay puts other contents over a file of the machine, in this run's own
// mount namespace and for one test.
func overlay(r *rig.Rig, path, content string) {
	r.Helper()
	own := r.Write(filepath.Base(path), content, 0o644)
	if err := unix.Mount(own, path, "", unix.MS_BIND, ""); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			r.Error(err)
		}
	})
}
