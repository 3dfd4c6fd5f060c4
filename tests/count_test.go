package tests

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"minirun/tests/rig"
)

// soak is how long the test of fast exits goes on.
var soak = flag.Duration("soak", soakDefault(), "how long fast exits are tried; SOAK in the environment is the default")

func soakDefault() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("SOAK")); err == nil {
		return d
	}
	return 20 * time.Second
}

// count is how often a test repeats itself: COUNT when it is set, else in full
// in CI, a tenth of it elsewhere, and a hundredth with -short.
func count(full int) int {
	if n, err := strconv.Atoi(os.Getenv("COUNT")); err == nil {
		return n
	}
	switch {
	case testing.Short():
		return full / 100
	case !rig.InCI():
		return full / 10
	}
	return full
}
