package cgroups

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// infinity is systemd's word for no limit.
const infinity = uint64(math.MaxUint64)

// unitProperties are those with which a scope begins. It lives until its last
// process is gone, also when systemd calls that a failure. What the caller
// wants comes last and so has the last word.
func unitProperties(slice, id string, pid int, pure bool, wanted []property) []property {
	io := "BlockIOAccounting"
	if pure {
		io = "IOAccounting"
	}
	return append([]property{
		{"Description", "minirun container " + id},
		{"Slice", slice},
		{"PIDs", arrayOf("u", uint32(pid))},
		{"Delegate", true},
		{"DefaultDependencies", false},
		{"CollectMode", "inactive-or-failed"},
		{"MemoryAccounting", true}, {"CPUAccounting", true}, {"TasksAccounting", true}, {io, true},
	}, wanted...)
}

// annotationPrefix begins the names of annotations that are properties.
const annotationPrefix = "org.systemd.property."

// annotated are the properties that annotations ask for. A name that ends in
// Sec, as the manual has it, is meant in seconds; D-Bus has it end in USec.
func annotated(annotations map[string]string) ([]property, error) {
	var all []property
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(key, annotationPrefix)
		if !ok {
			continue
		}
		v, err := parseValue(annotations[key])
		if err == nil && !isPropertyName(name) {
			err = errors.New("is not the name of a property")
		}
		if stem, ok := strings.CutSuffix(name, "Sec"); ok && err == nil && stem != "" && stem[len(stem)-1] >= 'a' && stem[len(stem)-1] <= 'z' {
			name = stem + "USec"
			v, err = microseconds(v)
		}
		if err != nil {
			return nil, fmt.Errorf("cgroup: annotations[%q]: %w", key, err)
		}
		all = append(all, property{name, v})
	}
	return all, nil
}

func isPropertyName(s string) bool {
	letter := func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }
	return len(s) >= 3 && !strings.ContainsFunc(s, func(r rune) bool { return !letter(r) })
}

// microseconds converts a number of seconds.
func microseconds(v any) (any, error) {
	const million = 1_000_000
	seconds := 0.0
	switch n := v.(type) {
	case byte:
		seconds = float64(n)
	case int16:
		seconds = float64(n)
	case uint16:
		seconds = float64(n)
	case int32:
		seconds = float64(n)
	case uint32:
		seconds = float64(n)
	case int64:
		seconds = float64(n)
	case uint64:
		if n == infinity {
			return n, nil
		}
		seconds = float64(n)
	case float64:
		seconds = n
	default:
		return nil, errors.New("is not a number of seconds")
	}
	if !(seconds >= 0 && seconds*million < 1<<63) {
		return nil, fmt.Errorf("%v seconds are out of range", seconds)
	}
	return uint64(seconds * million), nil
}

// A limiter collects the properties that stand for linux.resources.
type limiter struct {
	r       *specs.LinuxResources
	pure    bool // cgroup v2 only
	version int  // of systemd; 0 is unknown
	props   []property
	err     error
}

// unitLimits are the properties that r takes. What systemd has no property for, and
// what it knows less exactly than the kernel, is for the files of the group,
// which are written afterwards, and hold what r says to the letter.
func unitLimits(r *specs.LinuxResources, pure bool, version int) ([]property, error) {
	l := &limiter{r: r, pure: pure, version: version}
	if r == nil {
		return nil, nil
	}
	l.memory()
	l.cpu()
	l.cpuset()
	if b := r.BlockIO; b != nil && value(b.Weight) != 0 && !pure {
		l.add("BlockIOWeight", uint64(*b.Weight))
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		l.add("TasksMax", tasks(*r.Pids.Limit))
	}
	if pure {
		l.unified()
	}
	return l.props, l.err
}

func (l *limiter) add(name string, v any) { l.props = append(l.props, property{name, v}) }

func (l *limiter) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// tasks: systemd refuses 0, which pids.max has in the end all the same.
func tasks(limit int64) uint64 {
	if limit < 0 {
		return infinity
	}
	return max(uint64(limit), 1)
}

func (l *limiter) memory() {
	m := l.r.Memory
	if m == nil {
		return
	}
	limit := value(m.Limit)
	if !l.pure {
		if limit != 0 {
			l.add("MemoryLimit", uint64(limit))
		}
		return
	}
	if limit != 0 {
		l.add("MemoryMax", uint64(limit)) // -1 is infinity
	}
	if n := value(m.Reservation); n != 0 {
		l.add("MemoryLow", uint64(n))
	}
	swap, err := swapV2(value(m.Swap), limit)
	if err != nil {
		l.fail(refused("memory.swap", "%w", err))
	}
	l.amount("MemorySwapMax", "memory.swap", swap)
}

// amount adds a number, or "max"; "" is left alone.
func (l *limiter) amount(name, field, text string) {
	n, err := parseAmount(text)
	switch {
	case text == "":
	case err != nil:
		l.fail(refused(field, "%w", err))
	default:
		l.add(name, n)
	}
}

// idleVersion is the first systemd that has cpu.idle.
const idleVersion = 252

func (l *limiter) cpu() {
	c := l.r.CPU
	if c == nil {
		return
	}
	shares := value(c.Shares)
	switch {
	case l.pure && c.Idle != nil && *c.Idle == 1:
		if l.version >= idleVersion {
			l.add("CPUWeight", uint64(0)) // that is cpu.idle
		}
	case shares != 0 && l.pure:
		l.add("CPUWeight", weight(shares))
	case shares != 0:
		l.add("CPUShares", shares)
	}
	l.bandwidth(value(c.Quota), value(c.Period))
}

// bandwidth: systemd keeps whole percents of a CPU. More is granted than asked
// for rather than less, until the file has it exactly.
func (l *limiter) bandwidth(quota int64, period uint64) {
	if quota == 0 && period == 0 {
		return
	}
	if period != 0 {
		l.add("CPUQuotaPeriodUSec", period)
	} else {
		period = 100_000 // µs; the kernel's default
	}
	perSecond := infinity
	if quota > 0 {
		const percent = 10_000 // µs of a second
		perSecond = uint64(quota) * 1_000_000 / period
		perSecond = (perSecond + percent - 1) / percent * percent
	}
	l.add("CPUQuotaPerSecUSec", perSecond)
}

func (l *limiter) cpuset() {
	if c := l.r.CPU; c != nil {
		l.set("AllowedCPUs", "cpu.cpus", c.Cpus)
		l.set("AllowedMemoryNodes", "cpu.mems", c.Mems)
	}
}

// set adds a list of CPUs or memory nodes, as a mask.
func (l *limiter) set(name, field, list string) {
	if list == "" {
		return
	}
	mask, err := parseMask(list)
	if err != nil {
		l.fail(refused(field, "%w", err))
		return
	}
	l.add(name, arrayOf("y", mask...))
}
