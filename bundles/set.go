package bundles

import (
	"strconv"
	"strings"
)

// SetSize is how many CPUs or memory nodes a set can name, from 0 on; the
// kernel has no more of either (CONFIG_NR_CPUS is above that on nobody's machine).
const SetSize = 1024

// ParseSet reads a list of CPUs or memory nodes, "0-3,7", as cpuset(7) writes
// it, spaces and empty elements included: the bits of a mask in words of 64, or
// nil for an empty text. A text that names nothing is refused.
func ParseSet(list string) ([]uint64, error) {
	if list == "" {
		return nil, nil
	}
	set := make([]uint64, SetSize/64)
	empty := true
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err1 := strconv.ParseUint(first, 10, 32)
		high, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || low > high {
			return nil, bad("", "%q in %q: want a number, or a range such as 0-3", part, list)
		}
		if high >= SetSize {
			return nil, bad("", "%d in %q is above %d", high, list, SetSize-1)
		}
		for n := low; n <= high; n++ {
			set[n/64] |= 1 << (n % 64)
		}
		empty = false
	}
	if empty {
		return nil, bad("", "%q names nothing", list)
	}
	return set, nil
}
