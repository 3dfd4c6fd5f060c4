package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// inside is what the program prints when it runs with the modifications.
func inside(t *testing.T, mods ...rig.Mod) string {
	t.Helper()
	return rig.New(t).Container(mods...).Output()
}

func TestArgsAreTaken(t *testing.T) {
	c := rig.New(t).Container(rig.Args("sh", "-c", `for a; do echo "<$a>"; done`, "sh", "", "two words", "ü", `"`, "-x", strings.Repeat("a", 100000)))
	want := "<>\n<two words>\n<ü>\n<\">\n<-x>\n<" + strings.Repeat("a", 100000) + ">"
	if got := c.Output(); got != want {
		t.Errorf("%.200q", got)
	}
}

// argv[0] is the args' own, not the path that was found.
func TestArgvZeroIsAsGiven(t *testing.T) {
	got := inside(t, rig.Args("cat", "/proc/self/cmdline"))
	if got != "cat\x00/proc/self/cmdline\x00" {
		t.Errorf("cmdline %q", got)
	}
}

func TestManyArgs(t *testing.T) {
	args := []string{"sh", "-c", "echo $#", "sh"}
	for i := range 5000 {
		args = append(args, fmt.Sprint(i))
	}
	if got := inside(t, rig.Args(args...)); got != "5000" {
		t.Errorf("%s arguments", got)
	}
}

func TestEnv(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Args("env"))
	c.Spec.Process.Env = []string{"PATH=/bin", "A=1", "EMPTY=", "B=x=y", "C=two words", "HOME=/somewhere"}
	c.Edit()
	got := strings.Split(c.Output(), "\n")
	for _, want := range c.Spec.Process.Env {
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// As in runc, HOME comes from the container's /etc/passwd when it is not set.
func TestHomeComesFromPasswd(t *testing.T) {
	rig.New(t).Finding(rig.Crun, "1.8.1 leaves HOME empty for an unknown user")
	for uid, want := range map[uint32]string{0: "/root", 1000: "/home", 4242: "/"} {
		got := inside(t, rig.Sh("echo $HOME"), func(s *specs.Spec) { s.Process.User.UID = uid })
		if got != want {
			t.Errorf("HOME of uid %d is %q, not %q", uid, got, want)
		}
	}
}

func TestProgramIsFoundInTheContainersPath(t *testing.T) {
	got := inside(t, rig.Args("there"), func(s *specs.Spec) {
		s.Process.Env = []string{"PATH=/nowhere:/opt"}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/opt", Type: "tmpfs", Source: "tmpfs"})
		s.Process.Args = []string{"/bin/sh", "-c", "echo absolute"}
	})
	if got != "absolute" {
		t.Error(got)
	}
	r := rig.New(t)
	c := r.Container(rig.Args("tool", "argument"))
	c.Spec.Process.Env = []string{"PATH=/nowhere:/home:/root"}
	c.Edit()
	r.Write(strings.TrimPrefix(c.Rootfs(), r.Dir)+"/root/tool", "#!/bin/sh\necho script $1\n", 0o755)
	r.Write(strings.TrimPrefix(c.Rootfs(), r.Dir)+"/home/tool", "no program\n", 0o644)
	if got := c.Output(); got != "script argument" {
		t.Errorf("%q", got)
	}
}

// A relative path with a slash is relative to cwd, not to PATH.
func TestRelativeProgram(t *testing.T) {
	got := inside(t, rig.Args("./busybox", "echo", "relative"), func(s *specs.Spec) { s.Process.Cwd = "/bin" })
	if got != "relative" {
		t.Errorf("%q", got)
	}
}

func TestCwd(t *testing.T) {
	if got := inside(t, rig.Args("pwd"), func(s *specs.Spec) { s.Process.Cwd = "/usr/bin" }); got != "/usr/bin" {
		t.Errorf("cwd %s", got)
	}
}

// runc makes a cwd that is missing.
func TestCwdIsMade(t *testing.T) {
	r := rig.New(t)
	if got := r.Container(rig.Args("pwd"), func(s *specs.Spec) { s.Process.Cwd = "/new/dir" }).Output(); got != "/new/dir" {
		t.Errorf("cwd %s", got)
	}
}

func TestUser(t *testing.T) {
	umask := uint32(0o027)
	got := inside(t, rig.Sh("cat /proc/self/status; umask; touch /tmp/f; stat -c %a:%u:%g /tmp/f"), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 7000, 1001}, Umask: &umask}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}})
	})
	for key, want := range map[string]string{"Uid": "1000 1000 1000 1000", "Gid": "1001 1001 1001 1001", "Groups": "5 1001 7000"} {
		if v := rig.Field(got, key); v != want {
			t.Errorf("%s %q, not %q", key, v, want)
		}
	}
	if !strings.HasSuffix(got, "0027\n640:1000:1001") {
		t.Errorf("umask: %s", got[len(got)-40:])
	}
}

func TestUmaskDefaultsTo022(t *testing.T) {
	if got := inside(t, rig.Sh("umask")); got != "0022" {
		t.Errorf("umask %s", got)
	}
}

// Without additionalGids there are none: nothing of the caller's groups.
func TestGroupsAreDropped(t *testing.T) {
	if got := rig.Field(inside(t, rig.Args("cat", "/proc/self/status")), "Groups"); got != "" && got != "0" {
		t.Errorf("groups %q", got)
	}
}

// capMask is the hexadecimal mask of capabilities by number.
func capMask(numbers ...int) string {
	var m uint64
	for _, n := range numbers {
		m |= 1 << n
	}
	return fmt.Sprintf("%016x", m)
}

func TestCapabilitySets(t *testing.T) {
	const chown, kill, setuid, netBind, netRaw, admin = 0, 5, 7, 10, 13, 21
	names := func(n ...string) []string { return n }
	for _, c := range []struct {
		name string
		uid  uint32
		caps *specs.LinuxCapabilities
		want map[string]string
	}{
		{"all five", 0, &specs.LinuxCapabilities{
			Bounding:    names("CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"),
			Effective:   names("CAP_CHOWN", "CAP_KILL"),
			Permitted:   names("CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"),
			Inheritable: names("CAP_KILL", "CAP_NET_BIND_SERVICE"),
			Ambient:     names("CAP_NET_BIND_SERVICE"),
		}, map[string]string{
			// root's execve: permitted = inheritable | bounding (capabilities(7))
			"CapBnd": capMask(chown, kill, netBind, admin), "CapInh": capMask(kill, netBind),
			"CapAmb": capMask(netBind), "CapPrm": capMask(chown, kill, netBind, admin), "CapEff": capMask(chown, kill, netBind, admin),
		}},
		{"ambient for a user", 1000, &specs.LinuxCapabilities{
			Bounding:    names("CAP_NET_RAW", "CAP_KILL"),
			Effective:   names("CAP_NET_RAW"),
			Permitted:   names("CAP_NET_RAW"),
			Inheritable: names("CAP_NET_RAW"),
			Ambient:     names("CAP_NET_RAW"),
		}, map[string]string{
			"CapBnd": capMask(netRaw, kill), "CapInh": capMask(netRaw), "CapAmb": capMask(netRaw),
			"CapPrm": capMask(netRaw), "CapEff": capMask(netRaw),
		}},
		{"a user's are lost on execve", 1000, &specs.LinuxCapabilities{
			Bounding: names("CAP_NET_RAW"), Effective: names("CAP_NET_RAW"), Permitted: names("CAP_NET_RAW"),
		}, map[string]string{
			"CapBnd": capMask(netRaw), "CapInh": capMask(), "CapAmb": capMask(), "CapPrm": capMask(), "CapEff": capMask(),
		}},
		{"empty sets", 0, &specs.LinuxCapabilities{}, map[string]string{
			"CapBnd": capMask(), "CapInh": capMask(), "CapAmb": capMask(), "CapPrm": capMask(), "CapEff": capMask(),
		}},
		{"a bounding set only", 0, &specs.LinuxCapabilities{Bounding: names("CAP_SETUID")}, map[string]string{
			"CapBnd": capMask(setuid), "CapInh": capMask(), "CapAmb": capMask(), "CapPrm": capMask(setuid), "CapEff": capMask(setuid),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := inside(t, rig.Args("cat", "/proc/self/status"), func(s *specs.Spec) {
				s.Process.User.UID = c.uid
				s.Process.Capabilities = c.caps
				s.Process.NoNewPrivileges = false
			})
			for key, want := range c.want {
				if v := rig.Field(got, key); v != want {
					t.Errorf("%s %s, not %s", key, v, want)
				}
			}
		})
	}
}

func TestRlimits(t *testing.T) {
	limits := []specs.POSIXRlimit{
		{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}, {Type: "RLIMIT_FSIZE", Soft: 1 << 30, Hard: 1 << 31},
		{Type: "RLIMIT_CPU", Soft: 1000, Hard: 2000}, {Type: "RLIMIT_NPROC", Soft: 500, Hard: 501}, {Type: "RLIMIT_STACK", Soft: 4 << 20, Hard: 8 << 20},
		{Type: "RLIMIT_AS", Soft: 1 << 32, Hard: 1 << 33}, {Type: "RLIMIT_SIGPENDING", Soft: 10, Hard: 20},
		{Type: "RLIMIT_MSGQUEUE", Soft: 1000, Hard: 2000}, {Type: "RLIMIT_NICE", Soft: 0, Hard: 0}, {Type: "RLIMIT_RTPRIO", Soft: 0, Hard: 0},
		{Type: "RLIMIT_LOCKS", Soft: 5, Hard: 6}, {Type: "RLIMIT_MEMLOCK", Soft: 4096, Hard: 8192}, {Type: "RLIMIT_DATA", Soft: 1 << 30, Hard: 1 << 31},
		{Type: "RLIMIT_RSS", Soft: 1 << 30, Hard: 1 << 31}, {Type: "RLIMIT_RTTIME", Soft: 1000000, Hard: 2000000},
	}
	got := inside(t, rig.Args("cat", "/proc/self/limits"), func(s *specs.Spec) { s.Process.Rlimits = limits })
	names := map[string]string{
		"RLIMIT_NOFILE": "Max open files", "RLIMIT_CORE": "Max core file size", "RLIMIT_FSIZE": "Max file size", "RLIMIT_CPU": "Max cpu time",
		"RLIMIT_NPROC": "Max processes", "RLIMIT_STACK": "Max stack size", "RLIMIT_AS": "Max address space", "RLIMIT_SIGPENDING": "Max pending signals",
		"RLIMIT_MSGQUEUE": "Max msgqueue size", "RLIMIT_NICE": "Max nice priority", "RLIMIT_RTPRIO": "Max realtime priority",
		"RLIMIT_LOCKS": "Max file locks", "RLIMIT_MEMLOCK": "Max locked memory", "RLIMIT_DATA": "Max data size",
		"RLIMIT_RSS": "Max resident set", "RLIMIT_RTTIME": "Max realtime timeout",
	}
	for _, l := range limits {
		want := fmt.Sprintf("%s %d %d", names[l.Type], l.Soft, l.Hard)
		found := false
		for line := range strings.Lines(got) {
			found = found || strings.HasPrefix(strings.Join(strings.Fields(line), " "), want)
		}
		if !found {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A limit that config.json does not name is the caller's own, not what a Go
// runtime raised for itself.
func TestLimitsOfTheCallerAreKept(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 built with Go 1.19 passes on its own raised RLIMIT_NOFILE (runc#3966)")
	c := r.Container(rig.Sh("ulimit -Sn; ulimit -Hn"))
	c.Spec.Process.Rlimits = nil
	c.Edit()
	out := r.Path("limits")
	r.Shell(fmt.Sprintf("ulimit -Sn 123; exec %s --root %s run -b %s %s > %s", r.Runtime.Path, r.Root, c.Bundle, c.ID, out))
	if got := strings.Fields(r.Read(out)); len(got) != 2 || got[0] != "123" {
		t.Errorf("limits %v", got)
	}
}

func TestNoNewPrivileges(t *testing.T) {
	for on, want := range map[bool]string{true: "1", false: "0"} {
		got := inside(t, rig.Args("cat", "/proc/self/status"), func(s *specs.Spec) { s.Process.NoNewPrivileges = on })
		if v := rig.Field(got, "NoNewPrivs"); v != want {
			t.Errorf("NoNewPrivs %s, not %s", v, want)
		}
	}
}

func TestOOMScoreAdj(t *testing.T) {
	score := 321
	if got := inside(t, rig.Args("cat", "/proc/self/oom_score_adj"), func(s *specs.Spec) { s.Process.OOMScoreAdj = &score }); got != "321" {
		t.Errorf("oom_score_adj %s", got)
	}
}

func TestHostname(t *testing.T) {
	got := inside(t, rig.Sh("hostname; cat /proc/sys/kernel/hostname"), func(s *specs.Spec) { s.Hostname = "some-name" })
	if got != "some-name\nsome-name" {
		t.Errorf("%q", got)
	}
}

func TestDomainname(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1 does not know domainname")
	r.Finding(rig.Crun, "1.8.1 does not know domainname")
	got := r.Container(rig.Args("cat", "/proc/sys/kernel/domainname"), func(s *specs.Spec) { s.Domainname = "example.org" }).Output()
	if got != "example.org" {
		t.Errorf("domainname %q", got)
	}
}

func TestReadonlyRoot(t *testing.T) {
	got := inside(t, rig.Sh("touch /x 2>&1; touch /dev/shm/x && echo shm"), func(s *specs.Spec) { s.Root.Readonly = true })
	if !strings.Contains(got, "Read-only file system") || !strings.HasSuffix(got, "shm") {
		t.Errorf("%q", got)
	}
}
