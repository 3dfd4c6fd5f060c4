package bundles

import (
	"cmp"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func checkIntelRdt(r *specs.LinuxIntelRdt) error {
	if r == nil {
		return nil
	}
	return cmp.Or(
		checkClosID(r.ClosID),
		in("l3CacheSchema", oneLine(r.L3CacheSchema)),
		in("memBwSchema", checkMemBw(r.MemBwSchema)),
		each("schemata", r.Schemata, oneLine),
	)
}

// checkClosID wants a name, or "/" for the default class.
func checkClosID(id string) error {
	if id == "." || id == ".." || id != "/" && strings.Contains(id, "/") {
		return bad("closID", "%q is not a name", id)
	}
	return nil
}

func checkMemBw(schema string) error {
	if schema != "" && !strings.HasPrefix(schema, "MB:") {
		return bad("", `%q does not start with "MB:"`, schema)
	}
	return oneLine(schema)
}

func oneLine(schema string) error {
	if strings.Contains(schema, "\n") {
		return bad("", "%q has more than one line", schema)
	}
	return nil
}
