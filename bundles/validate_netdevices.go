package bundles

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkNetDevices wants names that the kernel takes, and a network namespace
// to move the devices to.
func checkNetDevices(l *specs.Linux) error {
	if len(l.NetDevices) == 0 {
		return nil
	}
	if err := needNamespace(l, specs.NetworkNamespace); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(l.NetDevices)) {
		if !isDeviceName(name) {
			return bad("", "%q is not the name of a device", name)
		}
		if as := l.NetDevices[name].Name; as != "" && !isDeviceName(as) {
			return bad("["+strconv.Quote(name)+"].name", "%q is not the name of a device", as)
		}
	}
	return nil
}

// isDeviceName is dev_valid_name of net/core/dev.c, with its 16 bytes, of
// which the last one is NUL.
func isDeviceName(name string) bool {
	return name != "" && len(name) < 16 && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r")
}
