package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// Each resource, the file of its controller on v1 and on v2, and what it holds then.
func TestResources(t *testing.T) {
	for _, c := range []struct {
		name               string
		set                func(*specs.LinuxResources)
		controller, v1, v2 string
		want1, want2       string
	}{
		{"memory limit", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))} },
			"memory", "memory.limit_in_bytes", "memory.max", "67108864", "67108864"},
		{"memory reservation", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Reservation: ptr(int64(32 << 20))} },
			"memory", "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432"},
		{"swappiness", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr(uint64(17))} },
			"memory", "memory.swappiness", "", "17", ""},
		{"cpu shares", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512))} },
			"cpu", "cpu.shares", "cpu.weight", "512", "59"},
		{"cpu quota", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(200000))}
		},
			"cpu", "cpu.cfs_quota_us", "cpu.max", "50000", "50000 200000"},
		{"cpu period", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr(uint64(200000))} },
			"cpu", "cpu.cfs_period_us", "cpu.max", "200000", "max 200000"},
		{"cpu burst", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Burst: ptr(uint64(10000))}
		}, "cpu", "cpu.cfs_burst_us", "cpu.max.burst", "10000", "10000"},
		{"cpu idle", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Idle: ptr(int64(1))} },
			"cpu", "cpu.idle", "cpu.idle", "1", "1"},
		{"cpuset cpus", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0"} },
			"cpuset", "cpuset.cpus", "cpuset.cpus", "0", "0"},
		{"cpuset mems", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Mems: "0"} },
			"cpuset", "cpuset.mems", "cpuset.mems", "0", "0"},
		{"pids", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(42))} },
			"pids", "pids.max", "pids.max", "42", "42"},
		{"pids unlimited", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))} },
			"pids", "pids.max", "pids.max", "max", "max"},
		{"hugetlb", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
		}, "hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "4194304", "4194304"},
		{"blkio throttle", func(r *specs.LinuxResources) {
			d := specs.LinuxThrottleDevice{Rate: 1 << 20}
			d.Major, d.Minor = blockDevice()
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{d}}
		}, "blkio", "blkio.throttle.read_bps_device", "io.max", "1048576", "rbps=1048576 wbps=max riops=max wiops=max"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rig.New(t)
			if c.name == "cpu burst" || c.name == "cpu idle" {
				r.Finding(rig.Runc, "1.1 does not know it")
				r.Finding(rig.Crun, "1.8.1 does not write it on v1")
			}
			if c.name == "pids unlimited" {
				r.Finding(rig.Crun, "1.8.1 writes -1, fails, and leaves its cgroups")
			}
			k := r.Container(func(s *specs.Spec) { c.set(s.Linux.Resources) })
			if c.v2 == "" && rig.OnlyV2() {
				r.MinirunOnly("what v2 has no file for is refused")
				if x := k.Create(); x.Code == 0 || !strings.Contains(x.Message(), "cgroup v2 has no such setting") {
					t.Errorf("code %d: %s", x.Code, x.Stderr)
				}
				return
			}
			k.MustCreate()
			got, err := os.ReadFile(filepath.Join(k.Cgroup(c.controller), c.v1))
			want := c.want1
			if err != nil {
				got, err = os.ReadFile(filepath.Join(k.Cgroup(c.controller), c.v2))
				want = c.want2
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.TrimSpace(string(got)); s != want && !strings.HasSuffix(s, " "+want) {
				t.Errorf("%q, not %q", s, want)
			}
			k.MustDelete()
		})
	}
}

// docker sends every field with 0 for "leave alone".
func TestZerosAreLeftAlone(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 writes the zeros, and is killed for want of memory")
	c := r.Container(func(s *specs.Spec) {
		//lint:ignore SA1019 docker sends it
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(0)), Reservation: ptr(int64(0)), Swap: ptr(int64(0)), Kernel: ptr(int64(0)), DisableOOMKiller: ptr(false)}
		s.Linux.Resources.CPU = &specs.LinuxCPU{Shares: ptr(uint64(0)), Quota: ptr(int64(0)), Period: ptr(uint64(0))}
		s.Linux.Resources.BlockIO = &specs.LinuxBlockIO{Weight: ptr(uint16(0))}
	}, rig.Sh("exit 4"))
	if x := c.Run(); x.Code != 4 {
		t.Errorf("code %d, not 4: %s", x.Code, x.Stderr)
	}
}

// In every hierarchy the process is in its container's cgroup: engines read
// statistics where /proc/PID/cgroup says.
func TestCgroupInEveryHierarchy(t *testing.T) {
	c := rig.New(t).Container().MustCreate()
	for _, when := range []string{"created", "running"} {
		for line := range strings.Lines(c.Proc(c.Pid(), "cgroup")) {
			if f := strings.SplitN(strings.TrimSpace(line), ":", 3); f[2] != c.Spec.Linux.CgroupsPath {
				t.Errorf("%s: hierarchy %q has it in %s", when, f[1], f[2])
			}
		}
		if when == "created" {
			c.MustStart()
		}
	}
}

// A relative cgroupsPath stands in the runtime's place of choice, and the
// container's own name is what is used without one.
func TestRelativeAndAbsentCgroupsPath(t *testing.T) {
	for _, path := range []string{rig.Marker + "-relative/x", ""} {
		t.Run("path "+path, func(t *testing.T) {
			c := rig.New(t).Container(func(s *specs.Spec) { s.Linux.CgroupsPath = path }).MustCreate()
			want := path
			if path == "" {
				want = c.ID
			}
			if got := c.Proc(c.Pid(), "cgroup"); !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
			c.MustDelete()
			for _, dir := range rig.CgroupsNamed(rig.Marker + "-relative") {
				os.Remove(dir)
			}
		})
	}
}

func TestSubCgroupsAreDeleted(t *testing.T) {
	c := rig.New(t).Container().MustCreate().MustStart()
	for _, controller := range []string{"pids", "memory"} {
		if err := os.MkdirAll(c.Cgroup(controller)+"/made/inside", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.Stop()
	c.MustDelete()
}

func TestRunOutOfMemory(t *testing.T) {
	c := rig.New(t).Container(rig.Sh("exec tail /dev/zero"), func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(8 << 20)), Swap: ptr(int64(8 << 20))}
	})
	if x := c.Run(); x.Code != 137 {
		t.Errorf("code %d, not 137 (%s)", x.Code, x.Stderr)
	}
}

func TestUnifiedIsWrittenOrRefused(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("what no hierarchy can take is refused by name")
	c := r.Container(func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{"cgroup.max.depth": "5"} })
	if x := c.Create(); x.Code != 0 {
		if !strings.Contains(x.Message(), "unified") {
			t.Errorf("code %d: %s", x.Code, x.Stderr)
		}
		return
	}
	for _, dir := range rig.CgroupsNamed(c.ID) {
		if data, err := os.ReadFile(dir + "/cgroup.max.depth"); err == nil && string(data) != "5\n" {
			t.Errorf("%s holds %q", dir, data)
		}
	}
}

// blockDevice is the number of some disk of this machine.
func blockDevice() (major, minor int64) {
	names, _ := filepath.Glob("/sys/block/*/dev")
	for _, name := range names {
		data, _ := os.ReadFile(name)
		if n, _ := fmt.Sscanf(string(data), "%d:%d", &major, &minor); n == 2 {
			return major, minor
		}
	}
	return 8, 0
}
