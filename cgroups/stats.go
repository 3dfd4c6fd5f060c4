package cgroups

import (
	"slices"
	"strconv"
	"strings"
)

// Stats is what the kernel has counted in a group and below. A part whose
// controller is not there is zero.
type Stats struct {
	CPU     CPUStats
	Cpuset  []Cpuset // version 1 only, in runc's order
	Memory  MemoryStats
	Pids    PidsStat
	BlkIO   BlkIOStats
	Hugetlb []HugetlbStat // by page size
}

// CPUStats are times in nanoseconds.
type CPUStats struct {
	Total, Kernel, User                uint64
	PerCPU, PerCPUKernel, PerCPUUser   []uint64 // version 1 only
	Periods, ThrottledPeriods, Stopped uint64   // Stopped is the time for which the group was throttled
}

// Cpuset is a setting of the cpuset controller: a list of numbers, or one number.
type Cpuset struct {
	Name   string // of the file, without "cpuset."
	List   []uint64
	Number int64
	IsList bool
}

// MemoryStats are bytes.
type MemoryStats struct {
	Cache                    uint64
	Usage, Swap, Kernel, TCP MemoryUse
	Raw                      []KeyValue // memory.stat, sorted by key
}

// MemoryUse is one kind of memory. Swap is memory and swap together.
type MemoryUse struct{ Limit, Usage, Max, Failcnt uint64 }

// KeyValue is a line of a flat-keyed file.
type KeyValue struct {
	Key   string
	Value uint64
}

// BlkIOStats are bytes and operations by device.
type BlkIOStats struct{ Bytes, Operations []BlkIOEntry }

// BlkIOEntry is a count of one kind of operation on one device.
type BlkIOEntry struct {
	Major, Minor uint64
	Op           string // "Read", "Write", "Sync", "Async", "Discard", "Total"
	Value        uint64
}

// HugetlbStat is the use of huge pages of one size.
type HugetlbStat struct {
	Size                string // "2MB"
	Usage, Max, Failcnt uint64
}

// parseFlat reads a flat-keyed file, sorted by key.
func parseFlat(text string) []KeyValue {
	var all []KeyValue
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseUint(value, 10, 64)
		if ok && err == nil {
			all = append(all, KeyValue{key, n})
		}
	}
	slices.SortFunc(all, func(a, b KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// parseNumbers reads numbers with blanks between.
func parseNumbers(text string) []uint64 {
	var all []uint64
	for f := range strings.FieldsSeq(text) {
		n, _ := strconv.ParseUint(f, 10, 64)
		all = append(all, n)
	}
	return all
}

// parseUsageAll reads cpuacct.usage_all: a head line, then "cpu user system".
func parseUsageAll(text string) (user, kernel []uint64) {
	_, rows, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(rows) {
		if n := parseNumbers(line); len(n) == 3 {
			user, kernel = append(user, n[1]), append(kernel, n[2])
		}
	}
	return user, kernel
}

// parseList reads a list of CPUs or nodes, such as "0-3,8" (cpuset(7)).
func parseList(text string) []uint64 {
	var all []uint64
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil {
			continue
		}
		for n := from; n <= to; n++ {
			all = append(all, n)
		}
	}
	return all
}

// parseBlkIO reads "8:0 Read 4096" lines; the total over all devices is left out.
func parseBlkIO(text string) []BlkIOEntry {
	var all []BlkIOEntry
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		value, err := strconv.ParseUint(f[2], 10, 64)
		if e, ok := ioDevice(f[0]); ok && err == nil {
			e.Op, e.Value = f[1], value
			all = append(all, e)
		}
	}
	return all
}

func ioDevice(text string) (BlkIOEntry, bool) {
	major, minor, _ := strings.Cut(text, ":")
	a, err := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return BlkIOEntry{Major: a, Minor: b}, err == nil && err2 == nil
}

// parseIOStat reads io.stat of version 2: "8:0 rbytes=4096 wbytes=0 rios=1 …".
func parseIOStat(text string) (s BlkIOStats) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		e, ok := ioDevice(f[0])
		for _, field := range f[1:] {
			key, value, _ := strings.Cut(field, "=")
			n, err := strconv.ParseUint(value, 10, 64)
			if !ok || err != nil {
				continue
			}
			e.Value = n
			switch key {
			case "rbytes", "wbytes", "dbytes":
				e.Op = ioOp(key)
				s.Bytes = append(s.Bytes, e)
			case "rios", "wios", "dios":
				e.Op = ioOp(key)
				s.Operations = append(s.Operations, e)
			}
		}
	}
	return s
}

func ioOp(key string) string {
	switch key[0] {
	case 'r':
		return "Read"
	case 'w':
		return "Write"
	}
	return "Discard"
}

// hugePageSize is the size in the name of a file: hugetlb.2MB.usage_in_bytes.
func hugePageSize(file string) (string, bool) {
	rest, ok := strings.CutPrefix(file, "hugetlb.")
	size, suffix, _ := strings.Cut(rest, ".")
	return size, ok && (suffix == "usage_in_bytes" || suffix == "current")
}
