package cgroups

import (
	"encoding/json"
	"testing"

	peer "github.com/opencontainers/cgroups"
	peerdevices "github.com/opencontainers/cgroups/devices/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The peer is github.com/opencontainers/cgroups, which is what runc uses. Only
// tests link it.

func peerMounts(t *testing.T) map[string]string {
	t.Helper()
	all, err := peer.GetCgroupMounts(true)
	if err != nil {
		t.Fatal(err)
	}
	mounts := map[string]string{}
	for _, m := range all {
		for _, s := range m.Subsystems {
			if s == "systemd" { // the peer drops "name="
				s = "name=systemd"
			}
			mounts[s] = m.Mountpoint
		}
	}
	if peer.IsCgroup2HybridMode() {
		mounts[""] = "/sys/fs/cgroup/unified"
	} else if peer.IsCgroup2UnifiedMode() {
		mounts = map[string]string{"": "/sys/fs/cgroup"}
	}
	return mounts
}

// peerResources converts as runc does (libcontainer/specconv/spec_linux.go).
func peerResources(r *specs.LinuxResources) *peer.Resources {
	p := &peer.Resources{}
	for _, d := range r.Devices {
		rule := &peerdevices.Rule{Type: 'a', Major: -1, Minor: -1, Permissions: peerdevices.Permissions(d.Access), Allow: d.Allow}
		if d.Type != "" {
			rule.Type = peerdevices.Type(d.Type[0])
		}
		if d.Major != nil {
			rule.Major = *d.Major
		}
		if d.Minor != nil {
			rule.Minor = *d.Minor
		}
		p.Devices = append(p.Devices, rule)
	}
	if m := r.Memory; m != nil {
		p.Memory, p.MemoryReservation, p.MemorySwap = value(m.Limit), value(m.Reservation), value(m.Swap)
		p.MemorySwappiness, p.OomKillDisable, p.MemoryCheckBeforeUpdate = m.Swappiness, value(m.DisableOOMKiller), value(m.CheckBeforeUpdate)
	}
	if c := r.CPU; c != nil {
		p.CpuShares, p.CpuQuota, p.CpuPeriod, p.CpuBurst = value(c.Shares), value(c.Quota), value(c.Period), c.Burst
		p.CpuWeight = peer.ConvertCPUSharesToCgroupV2Value(p.CpuShares)
		p.CpuRtRuntime, p.CpuRtPeriod = value(c.RealtimeRuntime), value(c.RealtimePeriod)
		p.CpusetCpus, p.CpusetMems, p.CPUIdle = c.Cpus, c.Mems, c.Idle
	}
	if r.Pids != nil {
		p.PidsLimit = r.Pids.Limit
	}
	if b := r.BlockIO; b != nil {
		p.BlkioWeight, p.BlkioLeafWeight = value(b.Weight), value(b.LeafWeight)
		for _, d := range b.WeightDevice {
			p.BlkioWeightDevice = append(p.BlkioWeightDevice, peer.NewWeightDevice(d.Major, d.Minor, value(d.Weight), value(d.LeafWeight)))
		}
		throttle := func(ds []specs.LinuxThrottleDevice) (out []*peer.ThrottleDevice) {
			for _, d := range ds {
				out = append(out, peer.NewThrottleDevice(d.Major, d.Minor, d.Rate))
			}
			return out
		}
		p.BlkioThrottleReadBpsDevice, p.BlkioThrottleWriteBpsDevice = throttle(b.ThrottleReadBpsDevice), throttle(b.ThrottleWriteBpsDevice)
		p.BlkioThrottleReadIOPSDevice, p.BlkioThrottleWriteIOPSDevice = throttle(b.ThrottleReadIOPSDevice), throttle(b.ThrottleWriteIOPSDevice)
	}
	for _, l := range r.HugepageLimits {
		p.HugetlbLimit = append(p.HugetlbLimit, &peer.HugepageLimit{Pagesize: l.Pagesize, Limit: l.Limit})
	}
	for name, l := range r.Rdma {
		if p.Rdma == nil {
			p.Rdma = map[string]peer.LinuxRdma{}
		}
		p.Rdma[name] = peer.LinuxRdma{HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects}
	}
	if n := r.Network; n != nil {
		p.NetClsClassid = value(n.ClassID)
		for _, m := range n.Priorities {
			p.NetPrioIfpriomap = append(p.NetPrioIfpriomap, &peer.IfPrioMap{Interface: m.Name, Priority: int64(m.Priority)})
		}
	}
	if len(r.Unified) > 0 {
		p.Unified = r.Unified
	}
	return p
}

// resources parses linux.resources as config.json has it.
func resources(t testing.TB, text string) *specs.LinuxResources {
	t.Helper()
	r := &specs.LinuxResources{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}
