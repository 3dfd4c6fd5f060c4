package runtime

import "minirun/cgroups"

// StatsJSON is a stats event on one line, in the shape of runc's: what is zero
// is left out where runc leaves it out.
func StatsJSON(id string, s *cgroups.Stats) []byte {
	var w jsonWriter
	w.open('{')
	w.strField("type", "stats")
	w.strField("id", id)
	w.object("data", func() {
		w.object("cpu", func() { w.cpu(&s.CPU) })
		w.object("cpuset", func() { w.cpuset(s.Cpuset) })
		w.object("memory", func() { w.memory(&s.Memory) })
		w.object("pids", func() {
			w.count("current", uint64(max(0, s.Pids.Current)))
			w.count("limit", uint64(max(0, s.Pids.Max)))
		})
		w.object("blkio", func() {
			w.blkio("ioServiceBytesRecursive", s.BlkIO.Bytes)
			w.blkio("ioServicedRecursive", s.BlkIO.Operations)
		})
		w.object("hugetlb", func() {
			for _, h := range s.Hugetlb {
				w.object(h.Size, func() {
					w.count("usage", h.Usage)
					w.count("max", h.Max)
					w.uintField("failcnt", h.Failcnt)
				})
			}
		})
		w.object("intel_rdt", func() {})
		w.key("network_interfaces")
		w.buf = append(w.buf, "null"...)
	})
	w.close('}')
	return append(w.buf, '\n')
}

// OOMJSON is the event that the OOM killer has struck in a container.
func OOMJSON(id string) []byte {
	var w jsonWriter
	w.open('{')
	w.strField("type", "oom")
	w.strField("id", id)
	w.close('}')
	return append(w.buf, '\n')
}

func (w *jsonWriter) object(key string, members func()) {
	w.key(key)
	w.open('{')
	members()
	w.close('}')
}

// count is a number that is left out when it is 0.
func (w *jsonWriter) count(key string, n uint64) {
	if n != 0 {
		w.uintField(key, n)
	}
}

func (w *jsonWriter) uints(key string, list []uint64) {
	w.key(key)
	w.open('[')
	for _, n := range list {
		w.next()
		w.uint(n)
	}
	w.close(']')
}

func (w *jsonWriter) cpu(c *cgroups.CPUStats) {
	w.object("usage", func() {
		w.count("total", c.Total)
		for _, per := range []struct {
			key  string
			list []uint64
		}{{"percpu", c.PerCPU}, {"percpu_kernel", c.PerCPUKernel}, {"percpu_user", c.PerCPUUser}} {
			if len(per.list) > 0 {
				w.uints(per.key, per.list)
			}
		}
		w.uintField("kernel", c.Kernel)
		w.uintField("user", c.User)
	})
	w.object("throttling", func() {
		w.count("periods", c.Periods)
		w.count("throttledPeriods", c.ThrottledPeriods)
		w.count("throttledTime", c.Stopped)
	})
}

func (w *jsonWriter) cpuset(all []cgroups.Cpuset) {
	for _, c := range all {
		if c.IsList {
			w.uints(c.Name, c.List)
		} else {
			w.intField(c.Name, int(c.Number))
		}
	}
}

func (w *jsonWriter) memory(m *cgroups.MemoryStats) {
	use := func(key string, u cgroups.MemoryUse) {
		w.object(key, func() {
			w.uintField("limit", u.Limit)
			w.count("usage", u.Usage)
			w.count("max", u.Max)
			w.uintField("failcnt", u.Failcnt)
		})
	}
	w.count("cache", m.Cache)
	use("usage", m.Usage)
	use("swap", m.Swap)
	use("kernel", m.Kernel)
	use("kernelTCP", m.TCP)
	w.object("raw", func() {
		for _, kv := range m.Raw {
			w.uintField(kv.Key, kv.Value)
		}
	})
}

func (w *jsonWriter) blkio(key string, all []cgroups.BlkIOEntry) {
	if len(all) == 0 {
		return
	}
	w.key(key)
	w.open('[')
	for _, e := range all {
		w.next()
		w.open('{')
		w.count("major", e.Major)
		w.count("minor", e.Minor)
		w.strField("op", e.Op)
		w.count("value", e.Value)
		w.close('}')
	}
	w.close(']')
}
