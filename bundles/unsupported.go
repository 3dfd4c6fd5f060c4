package bundles

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// unsupported is everything of runtime-spec 1.3 for Linux that this version
// refuses. A row has one function, which says whether an object asks for it;
// [] in the name is the place of the index of a mount or namespace.
var unsupported = [...]struct {
	name      string
	process   func(*specs.Process) bool
	mount     func(specs.Mount) bool
	namespace func(specs.LinuxNamespace) bool
	linux     func(*specs.Linux) bool
}{
	{name: "mounts[].uidMappings", mount: func(m specs.Mount) bool { return len(m.UIDMappings) > 0 }},
	{name: "mounts[].gidMappings", mount: func(m specs.Mount) bool { return len(m.GIDMappings) > 0 }},
	{name: `mounts[].options "idmap"`, mount: func(m specs.Mount) bool { return slices.Contains(m.Options, "idmap") }},
	{name: `mounts[].options "ridmap"`, mount: func(m specs.Mount) bool { return slices.Contains(m.Options, "ridmap") }},

	{name: `linux.namespaces[].type "time"`, namespace: func(n specs.LinuxNamespace) bool { return n.Type == specs.TimeNamespace }},

	{name: "linux.timeOffsets", linux: func(l *specs.Linux) bool { return len(l.TimeOffsets) > 0 }},
}

// Unsupported lists the properties of runtime-spec that Validate refuses,
// for the features verb; [] stands for any index.
func Unsupported() []string {
	names := make([]string, len(unsupported))
	for i := range unsupported {
		names[i] = unsupported[i].name
	}
	return names
}

func refuseUnsupported(s *specs.Spec) error {
	for i := range unsupported {
		if index := findUnsupported(s, i); index >= 0 {
			name := strings.Replace(unsupported[i].name, "[]", "["+strconv.Itoa(index)+"]", 1)
			return fmt.Errorf("%s is not supported by this version of minirun", name)
		}
	}
	return nil
}

// findUnsupported returns where s asks for a row of the table: the index of
// the mount or namespace, 0 where there is but one place, -1 where it does
// not.
func findUnsupported(s *specs.Spec, row int) int {
	asks, l := &unsupported[row], s.Linux
	switch {
	case asks.process != nil && s.Process != nil && asks.process(s.Process),
		asks.linux != nil && l != nil && asks.linux(l):
		return 0
	case asks.mount != nil:
		return slices.IndexFunc(s.Mounts, asks.mount)
	case asks.namespace != nil && l != nil:
		return slices.IndexFunc(l.Namespaces, asks.namespace)
	}
	return -1
}
