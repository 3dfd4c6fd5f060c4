package cgroups

import (
	"math"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// cpuset: cpuset.cpus and cpuset.mems, alike in both versions.
func cpuset(r *specs.LinuxResources, _ reader) (ws []write, err error) {
	if r.CPU == nil {
		return nil, nil
	}
	if r.CPU.Cpus != "" {
		ws = append(ws, write{controller: "cpuset", field: "cpu.cpus", file: "cpuset.cpus", value: r.CPU.Cpus})
	}
	if r.CPU.Mems != "" {
		ws = append(ws, write{controller: "cpuset", field: "cpu.mems", file: "cpuset.mems", value: r.CPU.Mems})
	}
	return ws, nil
}

// The kernel clamps cpu.shares to these without a word (kernel/sched/sched.h).
const minShares, maxShares = 2, 262144

// A cpuWrites collects writes for the cpu controller.
type cpuWrites []write

func (ws *cpuWrites) add(field, file, value string) *write {
	*ws = append(*ws, write{controller: "cpu", field: "cpu." + field, file: file, value: value})
	return &(*ws)[len(*ws)-1]
}

// try adds a value that the kernel may refuse beside the present value of
// another file. If that one is about to be written, too, retry comes after it.
func (ws *cpuWrites) try(other bool, field, file, value string) {
	if w := ws.add(field, file, value); other {
		w.tolerate = syscall.EINVAL
	}
}

func (ws *cpuWrites) retry(field, file, value string) { ws.add(field, file, value).again = true }

func cpuV1(r *specs.LinuxResources, _ reader) ([]write, error) {
	c := r.CPU
	if c == nil {
		return nil, nil
	}
	var ws cpuWrites
	if n := value(c.Shares); n != 0 {
		switch {
		case n < minShares:
			return nil, refused("cpu.shares", "%d is below the least that the kernel allows, %d", n, minShares)
		case n > maxShares:
			return nil, refused("cpu.shares", "%d is above the most that the kernel allows, %d", n, maxShares)
		}
		ws.add("shares", "cpu.shares", utoa(n))
	}
	ws.bandwidthV1(c)
	if c.Idle != nil {
		ws.add("idle", "cpu.idle", itoa(*c.Idle))
	}
	ws.realtimeV1(c)
	return ws, nil
}

// bandwidthV1: quota/period and quota+burst are checked against the parent's.
func (ws *cpuWrites) bandwidthV1(c *specs.LinuxCPU) {
	period, quota := value(c.Period), value(c.Quota)
	if period != 0 {
		ws.try(quota != 0, "period", "cpu.cfs_period_us", utoa(period))
	}
	if c.Burst != nil {
		ws.try(quota != 0, "burst", "cpu.cfs_burst_us", utoa(*c.Burst))
	}
	if quota == 0 {
		return
	}
	ws.add("quota", "cpu.cfs_quota_us", itoa(quota))
	if period != 0 {
		ws.retry("period", "cpu.cfs_period_us", utoa(period))
	}
	if c.Burst != nil {
		ws.retry("burst", "cpu.cfs_burst_us", utoa(*c.Burst))
	}
}

func (ws *cpuWrites) realtimeV1(c *specs.LinuxCPU) {
	period, runtime := value(c.RealtimePeriod), value(c.RealtimeRuntime)
	if period != 0 {
		ws.try(runtime != 0, "realtimePeriod", "cpu.rt_period_us", utoa(period))
	}
	if runtime == 0 {
		return
	}
	ws.add("realtimeRuntime", "cpu.rt_runtime_us", itoa(runtime))
	if period != 0 {
		ws.retry("realtimePeriod", "cpu.rt_period_us", utoa(period))
	}
}

func cpuV2(r *specs.LinuxResources, _ reader) ([]write, error) {
	c := r.CPU
	if c == nil {
		return nil, nil
	}
	switch {
	case value(c.RealtimePeriod) != 0:
		return nil, notInV2("cpu.realtimePeriod")
	case value(c.RealtimeRuntime) != 0:
		return nil, notInV2("cpu.realtimeRuntime")
	}
	var ws cpuWrites
	if c.Idle != nil {
		ws.add("idle", "cpu.idle", itoa(*c.Idle))
	}
	if n := value(c.Shares); n != 0 {
		ws.add("shares", "cpu.weight", utoa(weight(n)))
	}
	quota, period := value(c.Quota), value(c.Period)
	if c.Burst != nil {
		ws.try(quota != 0, "burst", "cpu.max.burst", utoa(*c.Burst))
	}
	if quota != 0 || period != 0 {
		limit := "max"
		if quota > 0 {
			limit = itoa(quota)
		}
		if period == 0 {
			period = 100_000 // µs; the kernel's default
		}
		ws.add("quota", "cpu.max", limit+" "+utoa(period))
		if c.Burst != nil {
			ws.retry("burst", "cpu.max.burst", utoa(*c.Burst))
		}
	}
	return ws, nil
}

// weight converts cpu.shares, 2 to 262144 with 1024 as the default, to
// cpu.weight, 1 to 10000 with 100 as the default. The curve is the one through
// these three points on which runc, crun and systemd have agreed; the straight
// line of old made the default 39.
func weight(shares uint64) uint64 {
	switch {
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10_000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}
