package bundles

import (
	"fmt"
	"strconv"
	"strings"
)

type integral interface {
	~int | ~int32 | ~int64 | ~uint | ~uint16 | ~uint32 | ~uint64
}

// integer reads a whole number that fits into T. Fractions and exponents are
// refused even where the value is whole, as encoding/json does.
func integer[T integral](d *decoder, dst *T) {
	if !d.is("a number") {
		return
	}
	digits, ok := d.number()
	if d.check(ok); !ok {
		return
	}
	if signed[T]() {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && int64(T(n)) == n {
			*dst = T(n)
			return
		}
	} else if n, err := strconv.ParseUint(digits, 10, 64); err == nil && uint64(T(n)) == n {
		*dst = T(n)
		return
	}
	if strings.ContainsAny(digits, ".eE") {
		d.refuse("want an integer, got " + digits)
		return
	}
	low, high := limits[T]()
	d.refuse(fmt.Sprintf("%s is out of range (%d to %d)", digits, low, high))
}

func signed[T integral]() bool {
	var zero T
	return zero-1 < zero
}

// limits returns the smallest and the largest T.
func limits[T integral]() (low, high T) {
	if !signed[T]() {
		return 0, low - 1
	}
	for high = 1; high<<1 > high; {
		high = high<<1 | 1
	}
	return -high - 1, high
}
