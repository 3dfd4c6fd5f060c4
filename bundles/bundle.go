// Package bundles is config.json before any host is looked at: it is read,
// checked against runtime-spec 1.3 and against what minirun can do, and its
// mount options are given their meaning for the kernel. Nothing here depends
// on the machine, and nothing of a config.json is ignored in silence.
package bundles

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A Bundle is a directory with a valid config.json.
type Bundle struct {
	Dir  string // absolute
	Spec *specs.Spec
}

//go:embed default.json
var defaultConfig string

// DefaultConfig returns the config.json that the spec verb writes. It is
// runc's (libcontainer/specconv/example.go) with a cgroup namespace also on
// hosts that have version 1 hierarchies, and, as in runc today, without
// ambient capabilities: with none inheritable the kernel raises none.
func DefaultConfig() []byte { return []byte(defaultConfig) }

// RootlessConfig is DefaultConfig for a user without privileges, as `runc spec
// --rootless` has it: root of the container is that user, the network is the
// host's, and with it the sysfs, all of which is read-only (CVE-2023-25809).
func RootlessConfig(uid, gid uint32) []byte {
	mapping := func(id uint32) string {
		return fmt.Sprintf("Mappings\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n\t\t\t\t\"hostID\": %d,\n\t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n", id)
	}
	text := strings.NewReplacer(
		"\"mode=0620\",\n\t\t\t\t\"gid=5\"\n", "\"mode=0620\"\n",
		"\"type\": \"sysfs\",\n\t\t\t\"source\": \"sysfs\",\n\t\t\t\"options\": [\n",
		"\"type\": \"bind\",\n\t\t\t\"source\": \"/sys\",\n\t\t\t\"options\": [\n\t\t\t\t\"rbind\",\n\t\t\t\t\"rro\",\n",
		"\t\t\t{\n\t\t\t\t\"type\": \"network\"\n\t\t\t},\n", "\t\t\t{\n\t\t\t\t\"type\": \"user\"\n\t\t\t},\n",
	).Replace(defaultConfig)
	before, rest, _ := strings.Cut(text, "\t\t\"resources\": {")
	_, after, _ := strings.Cut(rest, "\n\t\t},\n")
	return []byte(before + "\t\t\"uid" + mapping(uid) + "\t\t\"gid" + mapping(gid) + after)
}
