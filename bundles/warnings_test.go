package bundles

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestOptionsThatABindMountIgnoresAreWarnedOf(t *testing.T) {
	spec := &specs.Spec{Mounts: []specs.Mount{
		{Destination: "/a", Source: "/b", Options: []string{"rbind", "size=1k", "ro"}},
		{Destination: "/a", Source: "/b", Options: []string{"bind", "sync", "acl"}},
		{Destination: "/t", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1k", "sync"}},
	}}
	const why = " is an option of the file system, a bind mount cannot set it"
	want := []string{
		`mounts[0].options: "size=1k"` + why, `mounts[1].options: "acl"` + why, `mounts[1].options: "sync"` + why,
	}
	if got := Warnings(spec); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
