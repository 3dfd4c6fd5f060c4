//go:build vm

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// The tests of this file are for a machine that systemd runs, with cgroup v2
// alone: make test-vm.

// managed is a container whose cgroup is a scope.
func managed(r *rig.Rig, mods ...rig.Mod) (c *rig.Container, unit, dir string) {
	r.Global = []string{"--systemd-cgroup"}
	c = r.Container(mods...)
	c.Spec.Linux.CgroupsPath = "mrt-vm.slice:test:" + c.ID
	c.Edit()
	unit = "test-" + c.ID + ".scope"
	return c, unit, "/sys/fs/cgroup/mrt.slice/mrt-vm.slice/" + unit
}

// show is a property of a unit as systemctl prints it.
func show(t testing.TB, unit, property string) string {
	t.Helper()
	out, err := exec.Command("systemctl", "show", "--value", "--property", property, unit).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// forgotten tells that systemd knows nothing of the unit.
func forgotten(t testing.TB, unit string) {
	t.Helper()
	if !rig.Eventually(func() bool {
		return show(t, unit, "ActiveState") == "inactive" && show(t, unit, "LoadState") == "not-found"
	}) {
		t.Errorf("%s is %s, %s", unit, show(t, unit, "LoadState"), show(t, unit, "ActiveState"))
	}
}

func limited(s *specs.Spec) {
	s.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.Documentation": "['https://example.org/']"}
	r := s.Linux.Resources
	r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20)), Reservation: ptr(int64(32 << 20))}
	r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(33333)), Period: ptr(uint64(100000)), Cpus: "1", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: ptr(int64(42))}
}

func TestScopeHasTheLimitsAndKeepsThem(t *testing.T) {
	r := rig.New(t)
	c, unit, dir := managed(r, limited, rig.Namespace(specs.CgroupNamespace, ""), rig.Args("sleep", "1000"))
	c.MustCreate()
	for property, want := range map[string]string{
		"ActiveState": "active", "Slice": "mrt-vm.slice", "ControlGroup": strings.TrimPrefix(dir, "/sys/fs/cgroup"), "Delegate": "yes",
		"Transient": "yes", "CollectMode": "inactive-or-failed", "TimeoutStopUSec": "7s", "Documentation": "https://example.org/",
		"MemoryMax": "67108864", "MemorySwapMax": "33554432", "MemoryLow": "33554432", "CPUWeight": "59", "CPUQuotaPerSecUSec": "340ms",
		"CPUQuotaPeriodUSec": "100ms", "AllowedCPUs": "1", "AllowedMemoryNodes": "0", "TasksMax": "42", "DevicePolicy": "strict",
	} {
		if got := show(t, unit, property); got != want {
			t.Errorf("%s is %q, want %q", property, got, want)
		}
	}
	if got := strings.TrimSpace(c.Proc(c.Pid(), "cgroup")); got != "0::"+strings.TrimPrefix(dir, "/sys/fs/cgroup") {
		t.Errorf("the init is in %s", got)
	}
	files := map[string]string{"memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "33554432", "cpu.weight": "59",
		"cpu.max": "33333 100000", "cpuset.cpus": "1", "cpuset.mems": "0", "pids.max": "42"}
	check := func(when string) {
		t.Helper()
		for file, want := range files {
			if got := strings.TrimSpace(r.Read(filepath.Join(dir, file))); got != want {
				t.Errorf("%s: %s is %q, want %q", when, file, got, want)
			}
		}
	}
	check("created")
	c.MustStart()
	if x := in(c, "cat /proc/self/cgroup; cat /dev/mem"); !strings.HasPrefix(x.Stdout, "0::/\n") || x.Code == 0 {
		t.Errorf("exec: code %d: %s%s", x.Code, x.Stdout, x.Stderr)
	}
	r.OK("update", "--pids-limit", "50", "--memory", "128M", "--memory-swap", "128M", "--cpu-quota", "50000", c.ID)
	files["pids.max"], files["memory.max"], files["memory.swap.max"], files["cpu.max"] = "50", "134217728", "0", "50000 100000"
	check("updated")
	if err := exec.Command("systemctl", "daemon-reload").Run(); err != nil {
		t.Fatal(err)
	}
	check("reloaded")
	if x := in(c, "echo > /dev/null && ! mknod /tmp/mem c 1 1 || ! cat /tmp/mem"); x.Code != 0 {
		t.Errorf("devices after a reload: %s", x.Stderr)
	}
	r.OK("pause", c.ID)
	if s := c.Status(); s != "paused" {
		t.Error(s)
	}
	r.OK("resume", c.ID)
	c.Stop()
	c.MustDelete()
	forgotten(t, unit)
}

// A scope ends with its last process; what is called failed is forgotten, too.
func TestScopeIsForgottenHoweverItEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		mod    rig.Mod
		code   int
	}{
		"exit":    {"exit 3", func(*specs.Spec) {}, 3},
		"no such": {"", rig.Args("/no/such"), -1},
		"oom": {"x=$(head -c 100m /dev/zero | tr '\\0' x)", func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
		}, 137},
		"host's pids": {"sleep 1000 & exit 4", rig.HostNamespace(specs.PIDNamespace), 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			c, unit, dir := managed(r, rig.Sh(tt.script), tt.mod)
			for range 3 { // the name is free at once
				if x := c.Run(); x.Code != tt.code && (tt.code >= 0 || x.Code == 0) {
					t.Errorf("code %d, want %d: %s", x.Code, tt.code, x.Stderr)
				}
				if _, err := os.Stat(dir); err == nil {
					t.Errorf("%s is left", dir)
				}
			}
			forgotten(t, unit)
		})
	}
}

// systemd may stop the scope by itself: at shutdown, for one.
func TestScopeIsStoppedBySystemd(t *testing.T) {
	r := rig.New(t)
	c, unit, _ := managed(r, rig.Sh("trap 'exit 5' TERM; while :; do sleep 0.1; done"))
	c.MustCreate().MustStart()
	pid := c.Pid()
	if err := exec.Command("systemctl", "stop", unit).Run(); err != nil {
		t.Fatal(err)
	}
	if !rig.Gone(pid) {
		t.Error("the init is still there")
	}
	c.WaitStopped()
	c.MustDelete()
	forgotten(t, unit)
}

func TestScopesThatCannotBe(t *testing.T) {
	r := rig.New(t)
	c, unit, _ := managed(r)
	for _, tt := range []struct {
		path, annotation, want string
	}{
		{"/a/b", "true", `linux.cgroupsPath: "/a/b" is not of the form slice:prefix:name`},
		{"a:b:c", "true", `linux.cgroupsPath: "a" is not the name of a slice`},
		{c.Spec.Linux.CgroupsPath, "5s", `annotations["org.systemd.property.SendSIGHUP"]: strconv.ParseInt: parsing "5s"`},
		{c.Spec.Linux.CgroupsPath, "'x'", "systemd: start " + unit + ": "},
	} {
		c.Spec.Linux.CgroupsPath, c.Spec.Annotations = tt.path, map[string]string{"org.systemd.property.SendSIGHUP": tt.annotation}
		c.Edit()
		if x := c.Create(); x.Code != 1 || !strings.Contains(x.Message(), tt.want) || strings.Contains(strings.TrimSpace(x.Message()), "\n") {
			t.Errorf("code %d: %s, want %s", x.Code, x.Stderr, tt.want)
		}
	}
	forgotten(t, unit)
	c.Spec.Linux.CgroupsPath, c.Spec.Annotations = "mrt-vm.slice:test:"+c.ID, nil
	c.Edit()
	c.MustCreate()
	other := r.Container()
	other.Spec.Linux.CgroupsPath = c.Spec.Linux.CgroupsPath
	other.Edit()
	if x := other.Create(); x.Code != 1 || !strings.Contains(x.Message(), fmt.Sprintf("is in use by process %d", c.Pid())) {
		t.Errorf("two in one scope: code %d: %s", x.Code, x.Stderr)
	}
	if s := c.Status(); s != "created" {
		t.Errorf("the first is %s", s)
	}
	c.MustDelete()
	forgotten(t, unit)
}

// A user without privileges has scopes of the own manager's, also from a group
// that is not the user's, as this test's is.
func TestScopeOfAUsersManager(t *testing.T) {
	r := rig.New(t)
	const user = 1000
	u := userOf(r, user, fmt.Sprintf("/run/user/%d", user))
	r.Global = []string{"--systemd-cgroup"}
	c := u.container(rig.Args("sleep", "1000"), func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(20))}, Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}
	})
	c.Spec.Linux.CgroupsPath = "user.slice:test:" + c.ID
	c.Edit()
	dir := fmt.Sprintf("/sys/fs/cgroup/user.slice/user-%d.slice/user@%d.service/user.slice/test-%s.scope", user, user, c.ID)
	holds := func(file, want string) {
		t.Helper()
		if got := strings.TrimSpace(r.Read(filepath.Join(dir, file))); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if x := c.CreateWith(u.opts); x.Code != 0 || x.Stderr != "" {
		t.Fatalf("create: code %d: %s", x.Code, x.Stderr)
	}
	pid := c.Pid()
	holds("cgroup.procs", fmt.Sprint(pid))
	holds("pids.max", "20")
	holds("memory.max", fmt.Sprint(64<<20))
	u.ok("start", c.ID)
	pidFile := fmt.Sprintf("/run/user/%d/%s.pid", user, c.ID)
	t.Cleanup(func() { os.Remove(pidFile) })
	u.ok("exec", "--detach", "--pid-file", pidFile, c.ID, "sleep", "1000")
	holds("cgroup.procs", fmt.Sprint(pid)+"\n"+r.Read(pidFile))
	if got := u.ok("exec", c.ID, "cat", "/proc/self/cgroup"); got != "0::/\n" {
		t.Errorf("exec is in %s", got)
	}
	u.ok("update", "--pids-limit", "30", c.ID)
	holds("pids.max", "30")
	u.ok("pause", c.ID)
	holds("cgroup.freeze", "1")
	u.ok("resume", c.ID)
	u.ok("kill", c.ID, "KILL")
	if !rig.Eventually(func() bool { rig.ReapOrphans(); return strings.Contains(u.ok("state", c.ID), `"stopped"`) }) {
		t.Error("not stopped")
	}
	u.ok("delete", c.ID)
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is left", dir)
	}
}
