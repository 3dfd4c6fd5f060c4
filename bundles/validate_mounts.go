package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

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
	case o.Bind:
		return checkBind(&m, &o)
	case m.Type == "" && !o.Remount:
		return missing("type")
	}
	return nil
}

// checkBind refuses options that a bind mount cannot carry out, since it
// makes no superblock: mount(2) ignores them in silence.
func checkBind(m *specs.Mount, o *MountOptions) error {
	const problem = "%q is an option of the file system, a bind mount cannot set it"
	switch {
	case m.Source == "" && !o.Remount:
		return bad("source", "missing, a bind mount needs it")
	case len(o.Data) > 0:
		return bad("options", problem, o.Data[0].String())
	case len(o.SBFlags) > 0:
		return bad("options", problem, o.SBFlags[0])
	}
	return nil
}
