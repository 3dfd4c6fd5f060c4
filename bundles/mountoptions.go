package bundles

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// MountOptions is what the options of one mount mean for the kernel.
type MountOptions struct {
	Attr    MountAttr // for this mount
	RecAttr MountAttr // for the whole tree below it: mount_setattr(2) with AT_RECURSIVE

	// Propagation lists the changes in the order given: "rslave" before
	// "shared" makes a mount that is both.
	Propagation []Propagation

	Bind      bool // bind or rbind
	Recursive bool // rbind
	Remount   bool
	TmpCopyUp bool // fill a new tmpfs with what it covers
	IDMap     bool // idmap or ridmap, or mappings of the mount's own
	IDMapTree bool // ridmap

	// SBFlags are the options of the superblock for FSCONFIG_SET_FLAG, one
	// for each subject. Those that switch off what a new superblock does not
	// have (rw, async, ...) are there only where Remount is set, and ro and
	// rw not for a bind mount, which has the superblock of its source.
	SBFlags []string
	// Data are the options that belong to the file system.
	Data []KV
}

// MountAttr is a change of MOUNT_ATTR_* for mount_setattr(2); Set alone is
// the attribute argument of fsmount(2). The access-time modes are a field of
// that word, not bits: where one is chosen, Clear has all of
// MOUNT_ATTR__ATIME, without which the kernel returns EINVAL
// (fs/namespace.c, build_mount_kattr).
type MountAttr struct{ Set, Clear uint64 }

// Propagation is one change of propagation: Type is MS_SHARED, MS_SLAVE,
// MS_PRIVATE or MS_UNBINDABLE.
type Propagation struct {
	Type      uint64
	Recursive bool
}

// KV is an option of a file system: key=value or, if Flag is set, the key
// alone.
type KV struct {
	Key, Value string
	Flag       bool
}

// ParseMount parses the options of m. It is a bind mount also where only its
// type says so, as crun has it.
func ParseMount(m *specs.Mount) (MountOptions, error) {
	return parseMountOptions(MountOptions{Bind: m.Type == "bind", IDMap: len(m.UIDMappings)+len(m.GIDMappings) > 0}, m.Options)
}

// ParseMountOptions gives a meaning to each option of mounts[].options:
// those of runtime-spec ("Linux mount options") and mount(8), and tmpcopyup.
// Whatever is none of them is an option of the file system. Of two options
// that exclude each other the last one counts, as with mount(8). An error
// names the index of the option.
func ParseMountOptions(options []string) (MountOptions, error) {
	return parseMountOptions(MountOptions{}, options)
}

func parseMountOptions(o MountOptions, options []string) (MountOptions, error) {
	for i, name := range options {
		if name == "" || name[0] == '=' {
			return o, in("options", at(i, bad("", "want a name, got %q", name)))
		}
		if !o.attribute(name) && !o.superblock(name) && !o.propagation(name) && !o.operation(name) {
			o.data(name)
		}
	}
	o.SBFlags = slices.DeleteFunc(o.SBFlags, func(name string) bool {
		return o.Bind && (name == "ro" || name == "rw") || !o.Remount && offSBFlag(name) != ""
	})
	return o, nil
}

// attribute takes the options of a mount, alone or with the r of their
// recursive form before them. ro and rw are options of the superblock too.
func (o *MountOptions) attribute(name string) bool {
	if o.Attr.apply(name) {
		if name == "ro" || name == "rw" {
			o.superblock(name)
		}
		return true
	}
	base, recursive := strings.CutPrefix(name, "r")
	return recursive && o.RecAttr.apply(base)
}

// apply returns false where the name is not that of an attribute.
func (a *MountAttr) apply(name string) bool {
	switch name {
	case "ro":
		a.set(unix.MOUNT_ATTR_RDONLY)
	case "rw":
		a.clear(unix.MOUNT_ATTR_RDONLY)
	case "nosuid":
		a.set(unix.MOUNT_ATTR_NOSUID)
	case "suid":
		a.clear(unix.MOUNT_ATTR_NOSUID)
	case "nodev":
		a.set(unix.MOUNT_ATTR_NODEV)
	case "dev":
		a.clear(unix.MOUNT_ATTR_NODEV)
	case "noexec":
		a.set(unix.MOUNT_ATTR_NOEXEC)
	case "exec":
		a.clear(unix.MOUNT_ATTR_NOEXEC)
	case "nodiratime":
		a.set(unix.MOUNT_ATTR_NODIRATIME)
	case "diratime":
		a.clear(unix.MOUNT_ATTR_NODIRATIME)
	case "nosymfollow": // Linux 5.14
		a.set(unix.MOUNT_ATTR_NOSYMFOLLOW)
	case "symfollow":
		a.clear(unix.MOUNT_ATTR_NOSYMFOLLOW)
	case "relatime":
		a.atime(unix.MOUNT_ATTR_RELATIME)
	case "noatime":
		a.atime(unix.MOUNT_ATTR_NOATIME)
	case "strictatime":
		a.atime(unix.MOUNT_ATTR_STRICTATIME)
	case "atime":
		a.notAtime(unix.MOUNT_ATTR_NOATIME)
	case "nostrictatime":
		a.notAtime(unix.MOUNT_ATTR_STRICTATIME)
	case "norelatime":
		// relatime is what is left where no other mode is chosen
		// (Linux 2.6.30), so there is nothing to switch off.
	default:
		return false
	}
	return true
}

func (a *MountAttr) set(mask uint64) {
	a.Set |= mask
	a.Clear &^= mask
}

func (a *MountAttr) clear(mask uint64) {
	a.Set &^= mask
	a.Clear |= mask
}

func (a *MountAttr) atime(mode uint64) {
	a.Set = a.Set&^unix.MOUNT_ATTR__ATIME | mode
	a.Clear |= unix.MOUNT_ATTR__ATIME
}

// notAtime leaves mode for the default, relatime. A mode that an earlier
// option chose stays if it is another one.
func (a *MountAttr) notAtime(mode uint64) {
	if chosen := a.Clear&unix.MOUNT_ATTR__ATIME != 0; !chosen || a.Set&unix.MOUNT_ATTR__ATIME == mode {
		a.atime(unix.MOUNT_ATTR_RELATIME)
	}
}
