package bundles

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkResources leaves to the control groups what depends on their version
// and on the controllers that the host has. Zeros are docker's way to say
// nothing and pass.
func checkResources(r *specs.LinuxResources) error {
	if r == nil {
		return nil
	}
	return cmp.Or(
		each("devices", r.Devices, checkDeviceRule),
		in("memory", checkMemory(r.Memory)),
		in("cpu", checkCPU(r.CPU)),
		in("pids", checkPids(r.Pids)),
		in("blockIO", checkBlockIO(r.BlockIO)),
		each("hugepageLimits", r.HugepageLimits, checkHugepageLimit),
		unique("hugepageLimits", "pageSize", r.HugepageLimits,
			func(h specs.LinuxHugepageLimit) string { return h.Pagesize }),
		in("unified", checkUnified(r.Unified)),
	)
}

func checkDeviceRule(r specs.LinuxDeviceCgroup) error {
	switch {
	case len(r.Type) > 1 || !strings.Contains("abc", r.Type):
		return bad("type", "unknown device type %q, want a, b or c", r.Type)
	case strings.Trim(r.Access, "rwm") != "":
		return bad("access", "want letters of rwm, got %q", r.Access)
	}
	return cmp.Or(atLeast("major", r.Major, -1), atLeast("minor", r.Minor, -1)) // -1 is every one
}

func checkMemory(m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}
	if m.Limit != nil && m.Swap != nil && 0 < *m.Swap && *m.Swap < *m.Limit {
		return bad("swap", "%d, which includes memory, is below memory.limit, %d", *m.Swap, *m.Limit)
	}
	return cmp.Or(
		atLeast("limit", m.Limit, -1), // -1 is no limit
		atLeast("reservation", m.Reservation, -1),
		atLeast("swap", m.Swap, -1),
		within("swappiness", m.Swappiness, 0, 100),
	)
}

func checkCPU(c *specs.LinuxCPU) error {
	if c == nil {
		return nil
	}
	return cmp.Or(
		atLeast("quota", c.Quota, -1), // -1 is no limit
		within("idle", c.Idle, 0, 1),
	)
}

func checkPids(p *specs.LinuxPids) error {
	if p == nil {
		return nil
	}
	return atLeast("limit", p.Limit, -1) // -1 is no limit, 0 is one
}

func checkBlockIO(b *specs.LinuxBlockIO) error {
	if b == nil {
		return nil
	}
	device := func(d specs.LinuxThrottleDevice) error { return checkBlockDevice(&d.LinuxBlockIODevice) }
	return cmp.Or(
		checkWeight("weight", b.Weight),
		checkWeight("leafWeight", b.LeafWeight),
		each("weightDevice", b.WeightDevice, func(d specs.LinuxWeightDevice) error {
			return cmp.Or(checkBlockDevice(&d.LinuxBlockIODevice),
				checkWeight("weight", d.Weight), checkWeight("leafWeight", d.LeafWeight))
		}),
		each("throttleReadBpsDevice", b.ThrottleReadBpsDevice, device),
		each("throttleWriteBpsDevice", b.ThrottleWriteBpsDevice, device),
		each("throttleReadIOPSDevice", b.ThrottleReadIOPSDevice, device),
		each("throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice, device),
	)
}

func checkBlockDevice(d *specs.LinuxBlockIODevice) error {
	return cmp.Or(atLeast("major", &d.Major, 0), atLeast("minor", &d.Minor, 0))
}

func checkWeight(path string, weight *uint16) error {
	if weight != nil && *weight == 0 {
		return nil
	}
	return within(path, weight, 10, 1000)
}

// checkHugepageLimit wants the size as the kernel spells it in the name of
// the control file: 64KB, 2MB, 1GB.
func checkHugepageLimit(h specs.LinuxHugepageLimit) error {
	number := strings.TrimRight(h.Pagesize, "KMGB")
	unit := h.Pagesize[len(number):]
	switch {
	case h.Pagesize == "":
		return missing("pageSize")
	case number == "" || strings.Trim(number, "0123456789") != "" || unit != "KB" && unit != "MB" && unit != "GB":
		return bad("pageSize", "want a size such as 2MB, got %q", h.Pagesize)
	}
	return nil
}

// checkUnified wants the names of files in the group's own directory.
func checkUnified(unified map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(unified)) {
		if strings.Contains(name, "/") || !strings.Contains(name, ".") || name[0] == '.' {
			return bad("", "%q is not a file name such as memory.high", name)
		}
	}
	return nil
}
