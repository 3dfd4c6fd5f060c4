package bundles

import (
	"cmp"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkMount accepts a relative destination, as relative to "/"; the
// specification keeps it for old tools.
func checkMount(m specs.Mount) error {
	if m.Destination == "" {
		return missing("destination")
	}
	o, err := ParseMount(&m)
	switch {
	case err != nil:
		return err
	case o.TmpCopyUp && (m.Type != "tmpfs" || o.Bind || o.Remount):
		return bad("options", "tmpcopyup is for a new tmpfs only")
	case o.IDMap && (!o.Bind || o.Remount):
		return bad("options", "an idmapped mount is a new bind mount")
	case o.Bind:
		return checkBind(&m, &o)
	case m.Type == "" && !o.Remount:
		return missing("type")
	}
	return nil
}

func checkBind(m *specs.Mount, o *MountOptions) error {
	if m.Source == "" && !o.Remount {
		return bad("source", "missing, a bind mount needs it")
	}
	return nil
}

// checkIDMappedMounts checks the mappings of mounts. Without any, a mount has
// those of the container's user namespace.
func checkIDMappedMounts(s *specs.Spec) error {
	return each("mounts", s.Mounts, func(m specs.Mount) error {
		o, err := ParseMount(&m)
		switch {
		case err != nil || !o.IDMap:
			return err
		case len(m.UIDMappings) == 0 && len(m.GIDMappings) == 0 && Namespace(s.Linux, specs.UserNamespace) == nil:
			return bad("options", "idmap needs uidMappings and gidMappings where the container has no user namespace")
		case len(m.UIDMappings) == 0 && len(m.GIDMappings) == 0:
			return nil
		case len(m.UIDMappings) == 0:
			return bad("uidMappings", "missing beside gidMappings")
		case len(m.GIDMappings) == 0:
			return bad("gidMappings", "missing beside uidMappings")
		}
		return cmp.Or(in("uidMappings", checkIDMappings(m.UIDMappings)), in("gidMappings", checkIDMappings(m.GIDMappings)))
	})
}

// Warnings tells, a line each, what a valid config.json asks for and the
// kernel ignores: a bind mount makes no superblock that could have options.
func Warnings(spec *specs.Spec) []string {
	var lines []string
	for i := range spec.Mounts {
		o, err := ParseMount(&spec.Mounts[i])
		if err != nil || !o.Bind {
			continue
		}
		for _, d := range o.Data {
			lines = append(lines, fmt.Sprintf("mounts[%d].options: %q is an option of the file system, a bind mount cannot set it", i, d.String()))
		}
		for _, f := range o.SBFlags {
			lines = append(lines, fmt.Sprintf("mounts[%d].options: %q is an option of the file system, a bind mount cannot set it", i, f))
		}
	}
	return lines
}
