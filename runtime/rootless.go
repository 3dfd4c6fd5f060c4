package runtime

import (
	"errors"
	"fmt"
	"reflect"

	"minirun/cgroups"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// withoutGroup lets a container live without the cgroup that could not be
// made, as runc does: where this user may not, nothing that config.json asks
// for needs one, and its processes end with its PID namespace.
func (b *birth) withoutGroup(cause error) error {
	l := b.bundle.Spec.Linux
	switch {
	case !forbidden(cause) || !b.mayLackGroup():
		return cause
	case l != nil && l.CgroupsPath != "":
		return fmt.Errorf("linux.cgroupsPath %q: %w", l.CgroupsPath, cause)
	case l != nil && limits(l.Resources):
		return fmt.Errorf("linux.resources needs a cgroup: %w", cause)
	case !b.ownPidNS():
		return fmt.Errorf("without a PID namespace of its own a container needs a cgroup, or its processes could not be found: %w", cause)
	}
	b.ungrouped = cause
	b.grouped, b.group, b.rec.Cgroups = false, cgroups.Restore(nil), nil
	return nil
}

// errNoCgroup refuses what cannot be done to a container without one.
var errNoCgroup = errors.New("the container has no cgroup")

func forbidden(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

func (b *birth) mayLackGroup() bool {
	if b.rt.Rootless != nil {
		return *b.rt.Rootless
	}
	return b.facts.Rootless || b.facts.InUserNS
}

// limits says whether resources ask for more than device rules, which a user
// without privileges does not need: it makes no device.
func limits(r *specs.LinuxResources) bool {
	if r == nil {
		return false
	}
	other := *r
	other.Devices = nil
	return !reflect.DeepEqual(other, specs.LinuxResources{})
}
