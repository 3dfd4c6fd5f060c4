package cgroups

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// Stats reads what the kernel has counted. A file that is not there counts
// nothing: which there are depends on the kernel's configuration.
func (g *Group) Stats() (*Stats, error) {
	s := &Stats{}
	var err error
	if s.Pids, err = g.PidsStat(); err != nil && g.v1("pids") != "" {
		return nil, err
	}
	if g.pure() {
		statsV2(s, counters(g.unified()))
		return s, nil
	}
	s.cpuV1(counters(g.v1("cpuacct")), counters(g.v1("cpu")))
	s.cpusetV1(counters(g.v1("cpuset")))
	s.memoryV1(counters(g.v1("memory")))
	s.blkioV1(counters(g.v1("blkio")))
	s.hugetlb(counters(g.v1("hugetlb")), "usage_in_bytes", "max_usage_in_bytes", "failcnt")
	return s, nil
}

// counters is a directory of a group; none for the empty path.
type counters string

func (d counters) text(file string) string {
	if d == "" {
		return ""
	}
	text, _ := readFile(string(d), file)
	return text
}

// number is a file of one number; "max" is the largest.
func (d counters) number(file string) uint64 {
	text := strings.TrimSpace(d.text(file))
	if text == "max" {
		return math.MaxUint64
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

const (
	tick        = 1e9 / 100 // cpuacct.stat counts USER_HZ
	microsecond = 1000
)

func (s *Stats) cpuV1(acct, cpu counters) {
	c, times := &s.CPU, acct.text("cpuacct.stat")
	c.Total = acct.number("cpuacct.usage")
	c.User, c.Kernel = valueOf(times, "user")*tick, valueOf(times, "system")*tick
	c.PerCPU = parseNumbers(acct.text("cpuacct.usage_percpu"))
	c.PerCPUUser, c.PerCPUKernel = parseUsageAll(acct.text("cpuacct.usage_all"))
	throttle := cpu.text("cpu.stat")
	c.Periods, c.ThrottledPeriods = valueOf(throttle, "nr_periods"), valueOf(throttle, "nr_throttled")
	c.Stopped = valueOf(throttle, "throttled_time")
}

func (s *Stats) cpusetV1(d counters) {
	if d == "" {
		return
	}
	for _, name := range [...]string{"cpus", "cpu_exclusive", "mems", "mem_hardwall", "mem_exclusive", "memory_migrate",
		"memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"} {
		text := d.text("cpuset." + name)
		c := Cpuset{Name: name, IsList: name == "cpus" || name == "mems"}
		if c.IsList {
			c.List = parseList(text)
		} else {
			c.Number, _ = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		}
		s.Cpuset = append(s.Cpuset, c)
	}
}

func (s *Stats) memoryV1(d counters) {
	use := func(name string) MemoryUse {
		return MemoryUse{Limit: d.number(name + ".limit_in_bytes"), Usage: d.number(name + ".usage_in_bytes"),
			Max: d.number(name + ".max_usage_in_bytes"), Failcnt: d.number(name + ".failcnt")}
	}
	m := &s.Memory
	m.Raw = parseFlat(d.text("memory.stat"))
	m.Cache = find(m.Raw, "cache")
	m.Usage = use("memory")
	m.Swap = use("memory.memsw")
	m.Kernel = use("memory.kmem")
	m.TCP = use("memory.kmem.tcp")
}

func find(all []KeyValue, key string) uint64 {
	for _, kv := range all {
		if kv.Key == key {
			return kv.Value
		}
	}
	return 0
}

func (s *Stats) blkioV1(d counters) {
	either := func(file string) []BlkIOEntry {
		if all := parseBlkIO(d.text("blkio.bfq." + file)); len(all) > 0 {
			return all
		}
		return parseBlkIO(d.text("blkio.throttle." + file))
	}
	s.BlkIO = BlkIOStats{Bytes: either("io_service_bytes_recursive"), Operations: either("io_serviced_recursive")}
}

// hugetlb finds the page sizes by the names of the files.
func (s *Stats) hugetlb(d counters, usage, most, fails string) {
	if d == "" {
		return
	}
	entries, _ := os.ReadDir(string(d))
	for _, e := range entries {
		size, ok := hugePageSize(e.Name())
		if !ok {
			continue
		}
		file := "hugetlb." + size + "."
		h := HugetlbStat{Size: size, Usage: d.number(file + usage), Max: d.number(file + most)}
		if fails != "" {
			h.Failcnt = d.number(file + fails)
		} else {
			h.Failcnt = valueOf(d.text(file+"events"), "max")
		}
		s.Hugetlb = append(s.Hugetlb, h)
	}
}

func statsV2(s *Stats, d counters) {
	cpu := d.text("cpu.stat")
	s.CPU = CPUStats{
		Total: valueOf(cpu, "usage_usec") * microsecond, User: valueOf(cpu, "user_usec") * microsecond,
		Kernel:  valueOf(cpu, "system_usec") * microsecond,
		Periods: valueOf(cpu, "nr_periods"), ThrottledPeriods: valueOf(cpu, "nr_throttled"),
		Stopped: valueOf(cpu, "throttled_usec") * microsecond,
	}
	m := &s.Memory
	m.Raw = parseFlat(d.text("memory.stat"))
	m.Cache = find(m.Raw, "file")
	m.Usage = MemoryUse{Limit: d.number("memory.max"), Usage: d.number("memory.current"),
		Max: d.number("memory.peak"), Failcnt: valueOf(d.text("memory.events"), "max")}
	if d.text("memory.swap.max") != "" {
		// The limit of version 1, which runc's events have, is memory and swap together.
		m.Swap = MemoryUse{Limit: sum(m.Usage.Limit, d.number("memory.swap.max")),
			Usage: sum(m.Usage.Usage, d.number("memory.swap.current"))}
	}
	s.BlkIO = parseIOStat(d.text("io.stat"))
	s.hugetlb(d, "current", "max", "")
}

// sum adds two amounts, of which either may be without limit.
func sum(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
