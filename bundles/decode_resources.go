package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

func readResources(d *decoder, r *specs.LinuxResources) {
	d.object(func(key string) {
		switch key {
		case "devices":
			list(d, &r.Devices, readDeviceRule)
		case "memory":
			ptr(d, &r.Memory, readMemory)
		case "cpu":
			ptr(d, &r.CPU, readCPU)
		case "pids":
			ptr(d, &r.Pids, readPids)
		case "blockIO":
			ptr(d, &r.BlockIO, readBlockIO)
		case "hugepageLimits":
			list(d, &r.HugepageLimits, readHugepageLimit)
		case "network":
			ptr(d, &r.Network, readNetwork)
		case "rdma":
			dict(d, &r.Rdma, readRdma)
		case "unified":
			dict(d, &r.Unified, str)
		}
	})
}

func readDeviceRule(d *decoder, r *specs.LinuxDeviceCgroup) {
	d.object(func(key string) {
		switch key {
		case "allow":
			boolean(d, &r.Allow)
		case "type":
			str(d, &r.Type)
		case "major":
			ptr(d, &r.Major, integer)
		case "minor":
			ptr(d, &r.Minor, integer)
		case "access":
			str(d, &r.Access)
		}
	})
}

func readMemory(d *decoder, m *specs.LinuxMemory) {
	d.object(func(key string) {
		switch key {
		case "limit":
			ptr(d, &m.Limit, integer)
		case "reservation":
			ptr(d, &m.Reservation, integer)
		case "swap":
			ptr(d, &m.Swap, integer)
		case "kernel":
			//lint:ignore SA1019 engines still write it
			ptr(d, &m.Kernel, integer)
		case "kernelTCP":
			ptr(d, &m.KernelTCP, integer)
		case "swappiness":
			ptr(d, &m.Swappiness, integer)
		case "disableOOMKiller":
			ptr(d, &m.DisableOOMKiller, boolean)
		case "useHierarchy":
			ptr(d, &m.UseHierarchy, boolean)
		case "checkBeforeUpdate":
			ptr(d, &m.CheckBeforeUpdate, boolean)
		}
	})
}

func readCPU(d *decoder, c *specs.LinuxCPU) {
	d.object(func(key string) {
		switch key {
		case "shares":
			ptr(d, &c.Shares, integer)
		case "quota":
			ptr(d, &c.Quota, integer)
		case "burst":
			ptr(d, &c.Burst, integer)
		case "period":
			ptr(d, &c.Period, integer)
		case "realtimeRuntime":
			ptr(d, &c.RealtimeRuntime, integer)
		case "realtimePeriod":
			ptr(d, &c.RealtimePeriod, integer)
		case "cpus":
			str(d, &c.Cpus)
		case "mems":
			str(d, &c.Mems)
		case "idle":
			ptr(d, &c.Idle, integer)
		}
	})
}

func readPids(d *decoder, p *specs.LinuxPids) {
	d.object(func(key string) {
		if key == "limit" {
			ptr(d, &p.Limit, integer)
		}
	})
}

func readHugepageLimit(d *decoder, h *specs.LinuxHugepageLimit) {
	d.object(func(key string) {
		switch key {
		case "pageSize":
			str(d, &h.Pagesize)
		case "limit":
			integer(d, &h.Limit)
		}
	})
}

func readNetwork(d *decoder, n *specs.LinuxNetwork) {
	d.object(func(key string) {
		switch key {
		case "classID":
			ptr(d, &n.ClassID, integer)
		case "priorities":
			list(d, &n.Priorities, readPriority)
		}
	})
}

func readPriority(d *decoder, p *specs.LinuxInterfacePriority) {
	d.object(func(key string) {
		switch key {
		case "name":
			str(d, &p.Name)
		case "priority":
			integer(d, &p.Priority)
		}
	})
}

func readRdma(d *decoder, r *specs.LinuxRdma) {
	d.object(func(key string) {
		switch key {
		case "hcaHandles":
			ptr(d, &r.HcaHandles, integer)
		case "hcaObjects":
			ptr(d, &r.HcaObjects, integer)
		}
	})
}
