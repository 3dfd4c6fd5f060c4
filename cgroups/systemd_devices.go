package cgroups

import specs "github.com/opencontainers/runtime-spec/specs-go"

// deviceLimits say the device rules to systemd, which would else open the
// version 1 controller for everything whenever it looks at the unit again. In
// the unified tree its program is another beside ours, and both must agree.
func deviceLimits(rules []specs.LinuxDeviceCgroup) ([]property, error) {
	l, err := devicesOf(rules)
	if err != nil {
		return nil, err
	}
	allowed := array{element: "(ss)"}
	if l.allow { // exceptions to that cannot be said; our own list has them
		return []property{{"DeviceAllow", allowed}, {"DevicePolicy", "auto"}}, nil
	}
	for _, e := range l.exceptions {
		allowed.items = append(allowed.items, structure{e.device.systemdName(), accessString(e.access)})
	}
	return []property{{"DeviceAllow", allowed}, {"DevicePolicy", "strict"}}, nil
}

// systemdName is how DeviceAllow names the device, which need not exist
// (cgroup_apply_devices, since 240). One minor number of every major has no
// name there; all of the kind are named then, and our own list has less.
func (d device) systemdName() string {
	group, node := "char-", "/dev/char/"
	if d.kind == 'b' {
		group, node = "block-", "/dev/block/"
	}
	switch {
	case d.major == anyNumber:
		return group + "*"
	case d.minor == anyNumber:
		return group + itoa(d.major)
	}
	return node + itoa(d.major) + ":" + itoa(d.minor)
}
