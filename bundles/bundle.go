// Package bundles is config.json before any host is looked at: it is read,
// checked against runtime-spec 1.3 and against what minirun can do, and its
// mount options are given their meaning for the kernel. Nothing here depends
// on the machine, and nothing of a config.json is ignored in silence.
package bundles

import (
	_ "embed"

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
