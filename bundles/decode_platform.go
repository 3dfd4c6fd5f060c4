package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

func readLinux(d *decoder, l *specs.Linux) {
	d.object(func(key string) {
		switch key {
		case "uidMappings":
			list(d, &l.UIDMappings, readIDMapping)
		case "gidMappings":
			list(d, &l.GIDMappings, readIDMapping)
		case "sysctl":
			dict(d, &l.Sysctl, str)
		case "resources":
			ptr(d, &l.Resources, readResources)
		case "cgroupsPath":
			str(d, &l.CgroupsPath)
		case "namespaces":
			list(d, &l.Namespaces, readNamespace)
		case "devices":
			list(d, &l.Devices, readDevice)
		case "netDevices":
			dict(d, &l.NetDevices, readNetDevice)
		case "seccomp":
			ptr(d, &l.Seccomp, readSeccomp)
		case "rootfsPropagation":
			str(d, &l.RootfsPropagation)
		case "maskedPaths":
			list(d, &l.MaskedPaths, str)
		case "readonlyPaths":
			list(d, &l.ReadonlyPaths, str)
		case "mountLabel":
			str(d, &l.MountLabel)
		case "intelRdt":
			ptr(d, &l.IntelRdt, readIntelRdt)
		case "memoryPolicy":
			ptr(d, &l.MemoryPolicy, readMemoryPolicy)
		case "personality":
			ptr(d, &l.Personality, readPersonality)
		case "timeOffsets":
			dict(d, &l.TimeOffsets, readTimeOffset)
		}
	})
}

func readNamespace(d *decoder, n *specs.LinuxNamespace) {
	d.object(func(key string) {
		switch key {
		case "type":
			str(d, &n.Type)
		case "path":
			str(d, &n.Path)
		}
	})
}

func readDevice(d *decoder, dev *specs.LinuxDevice) {
	d.object(func(key string) {
		switch key {
		case "path":
			str(d, &dev.Path)
		case "type":
			str(d, &dev.Type)
		case "major":
			integer(d, &dev.Major)
		case "minor":
			integer(d, &dev.Minor)
		case "fileMode":
			ptr(d, &dev.FileMode, integer)
		case "uid":
			ptr(d, &dev.UID, integer)
		case "gid":
			ptr(d, &dev.GID, integer)
		}
	})
}

func readNetDevice(d *decoder, n *specs.LinuxNetDevice) {
	d.object(func(key string) {
		if key == "name" {
			str(d, &n.Name)
		}
	})
}

func readIntelRdt(d *decoder, r *specs.LinuxIntelRdt) {
	d.object(func(key string) {
		switch key {
		case "closID":
			str(d, &r.ClosID)
		case "schemata":
			list(d, &r.Schemata, str)
		case "l3CacheSchema":
			str(d, &r.L3CacheSchema)
		case "memBwSchema":
			str(d, &r.MemBwSchema)
		case "enableMonitoring":
			boolean(d, &r.EnableMonitoring)
		}
	})
}

func readMemoryPolicy(d *decoder, m *specs.LinuxMemoryPolicy) {
	d.object(func(key string) {
		switch key {
		case "mode":
			str(d, &m.Mode)
		case "nodes":
			str(d, &m.Nodes)
		case "flags":
			list(d, &m.Flags, str)
		}
	})
}

func readPersonality(d *decoder, p *specs.LinuxPersonality) {
	d.object(func(key string) {
		switch key {
		case "domain":
			str(d, &p.Domain)
		case "flags":
			list(d, &p.Flags, str)
		}
	})
}

func readTimeOffset(d *decoder, t *specs.LinuxTimeOffset) {
	d.object(func(key string) {
		switch key {
		case "secs":
			integer(d, &t.Secs)
		case "nanosecs":
			integer(d, &t.Nanosecs)
		}
	})
}
