package runtime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// newUser and hasUser say whether a container has a user namespace, and
// whether it is new.
func newUser(l *specs.Linux) bool {
	ns := bundles.Namespace(l, specs.UserNamespace)
	return ns != nil && ns.Path == ""
}

func hasUser(l *specs.Linux) bool { return bundles.Namespace(l, specs.UserNamespace) != nil }

// parseMappings reads /proc/PID/uid_map or gid_map (user_namespaces(7)).
func parseMappings(text string) ([]specs.LinuxIDMapping, error) {
	var list []specs.LinuxIDMapping
	for line := range strings.Lines(text) {
		var m specs.LinuxIDMapping
		if _, err := fmt.Sscan(line, &m.ContainerID, &m.HostID, &m.Size); err != nil {
			return nil, fmt.Errorf("mapping %q: %w", strings.TrimSpace(line), err)
		}
		list = append(list, m)
	}
	return list, nil
}

// sameMappings compares two lists whatever their order.
func sameMappings(a, b []specs.LinuxIDMapping) bool {
	sorted := func(list []specs.LinuxIDMapping) []specs.LinuxIDMapping {
		return slices.SortedFunc(slices.Values(list), func(x, y specs.LinuxIDMapping) int {
			return cmp.Compare(x.ContainerID, y.ContainerID)
		})
	}
	return slices.Equal(sorted(a), sorted(b))
}
