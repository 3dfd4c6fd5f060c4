package nsinit

import (
	"strings"

	"minirun/bundles"

	"golang.org/x/sys/unix"
)

// The mount API by descriptors (fsopen(2), fsconfig(2), mount_setattr(2)), as steps.

var (
	setString      Arg = Const{V: unix.FSCONFIG_SET_STRING, Text: "FSCONFIG_SET_STRING"}
	setFlag        Arg = Const{V: unix.FSCONFIG_SET_FLAG, Text: "FSCONFIG_SET_FLAG"}
	cmdCreate      Arg = Const{V: unix.FSCONFIG_CMD_CREATE, Text: "FSCONFIG_CMD_CREATE"}
	fsopenCloexec  Arg = Const{V: unix.FSOPEN_CLOEXEC, Text: "FSOPEN_CLOEXEC"}
	fsmountCloexec Arg = Const{V: unix.FSMOUNT_CLOEXEC, Text: "FSMOUNT_CLOEXEC"}
)

// configure sets one string option of a filesystem context.
func (b *builder) configure(why string, fs *Cell, key, value string) {
	b.call(why, "fsconfig", Val{fs},
		setString, str(key), str(value), num(0))
}

// configureFlag sets an option without a value.
func (b *builder) configureFlag(why string, fs *Cell, key string) {
	b.call(why, "fsconfig", Val{fs},
		setFlag, str(key), null, num(0))
}

// configureAll sets a filesystem's own options.
func (b *builder) configureAll(why string, fs *Cell, data []bundles.KV) {
	for _, d := range data {
		if d.Flag {
			b.configureFlag(why, fs, d.Key)
		} else {
			b.configure(why, fs, d.Key, d.Value)
		}
	}
}

// create makes the superblock of a filesystem context.
func (b *builder) create(why string, fs *Cell) {
	b.call(why, "fsconfig", Val{fs}, cmdCreate, null, null, num(0))
}

// setattr changes attributes of the mount at a descriptor, or of the tree below it.
func (b *builder) setattr(why string, fd *Cell, attr bundles.MountAttr, recursive bool) {
	b.mountSetattr(why, Val{fd}, "", recursive, attr, 0)
}

// propagate changes the propagation of a mount, or of the whole tree below it.
func (b *builder) propagate(why string, dir Arg, path string, p bundles.Propagation) {
	b.mountSetattr(why, dir, path, p.Recursive, bundles.MountAttr{}, p.Type)
}

// mountSetattr is mount_setattr(2); a propagation of 0 stays as it is.
func (b *builder) mountSetattr(why string, dir Arg, path string, recursive bool, attr bundles.MountAttr, propagation uint64) {
	flags, text := uint64(0), "0"
	if path == "" {
		flags, text = unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"
	}
	if recursive {
		flags, text = flags|unix.AT_RECURSIVE, strings.TrimPrefix(text+"|AT_RECURSIVE", "0|")
	}
	var fields []string
	if attr.Set != 0 {
		fields = append(fields, "attr_set="+attrText(attr.Set))
	}
	if attr.Clear != 0 {
		fields = append(fields, "attr_clr="+clearText(attr.Clear))
	}
	if propagation != 0 {
		fields = append(fields, "propagation="+propagationText(propagation))
	}
	data := words("{"+strings.Join(fields, ", ")+"}", attr.Set, attr.Clear, propagation, 0)
	b.call(why, "mount_setattr", dir, str(path), sym(flags, text), b.shared(data), num(len(data.Bytes)))
}

// idmap gives mounts[i], which is not attached yet, the mappings that config.json
// has for it. That takes CAP_SYS_ADMIN where the filesystem was mounted
// (can_idmap_mount, fs/namespace.c).
func (b *builder) idmap(why string, i int, mount *Cell) {
	if !b.options[i].IDMap {
		return
	}
	ns := b.fd(Inherit{Role: RoleIDMap, N: i}).(Const)
	flags, text := uint64(unix.AT_EMPTY_PATH), "AT_EMPTY_PATH"
	if b.options[i].IDMapTree {
		flags, text = flags|unix.AT_RECURSIVE, text+"|AT_RECURSIVE"
	}
	data := words("{attr_set=MOUNT_ATTR_IDMAP, userns_fd="+ns.Text+"}", unix.MOUNT_ATTR_IDMAP, 0, 0, ns.V)
	b.call(why+", idmapped", "mount_setattr", Val{mount}, empty, sym(flags, text), Ptr{Data: data}, num(len(data.Bytes)))
	b.call(why+", idmapped", "close", ns)
}

// rdonly makes a mount read-only.
var rdonly = bundles.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}

func attrArg(attrs uint64) Arg { return sym(attrs, attrText(attrs)) }

// attrText names MOUNT_ATTR_* bits that are set; the access times are a field.
func attrText(attrs uint64) string {
	var names []string
	for _, a := range []struct {
		bit  uint64
		name string
	}{
		{unix.MOUNT_ATTR_RDONLY, "RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "NOSUID"}, {unix.MOUNT_ATTR_NODEV, "NODEV"},
		{unix.MOUNT_ATTR_NOEXEC, "NOEXEC"}, {unix.MOUNT_ATTR_NODIRATIME, "NODIRATIME"},
		{unix.MOUNT_ATTR_NOSYMFOLLOW, "NOSYMFOLLOW"}, {unix.MOUNT_ATTR_NOATIME, "NOATIME"},
		{unix.MOUNT_ATTR_STRICTATIME, "STRICTATIME"},
	} {
		if attrs&a.bit != 0 {
			names = append(names, "MOUNT_ATTR_"+a.name)
		}
	}
	if len(names) == 0 {
		return "0"
	}
	return strings.Join(names, "|")
}

// clearText names bits to clear, where the whole field of access times is one.
func clearText(attrs uint64) string {
	text := attrText(attrs &^ unix.MOUNT_ATTR__ATIME)
	if attrs&unix.MOUNT_ATTR__ATIME == 0 {
		return text
	}
	return strings.TrimPrefix(text+"|MOUNT_ATTR__ATIME", "0|")
}
