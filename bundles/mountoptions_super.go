package bundles

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// superblock takes the flags that fsconfig(2) knows for every file system
// (fs/fs_context.c, vfs_parse_sb_flag).
func (o *MountOptions) superblock(name string) bool {
	off := offSBFlag(name)
	switch name {
	case "ro", "sync", "dirsync", "lazytime", "mand":
	default:
		if off == "" {
			return false
		}
	}
	o.SBFlags = slices.DeleteFunc(o.SBFlags, func(have string) bool {
		return have == name || have == off || offSBFlag(have) == name
	})
	o.SBFlags = append(o.SBFlags, name)
	return true
}

// offSBFlag returns the flag that name switches off, if it does.
func offSBFlag(name string) string {
	switch name {
	case "rw":
		return "ro"
	case "async":
		return "sync"
	case "nolazytime":
		return "lazytime"
	case "nomand":
		return "mand"
	}
	return ""
}

func (o *MountOptions) propagation(name string) bool {
	base, recursive := strings.CutPrefix(name, "r")
	var mode uint64
	switch base {
	case "shared":
		mode = unix.MS_SHARED
	case "slave":
		mode = unix.MS_SLAVE
	case "private":
		mode = unix.MS_PRIVATE
	case "unbindable":
		mode = unix.MS_UNBINDABLE
	default:
		return false
	}
	o.Propagation = append(o.Propagation, Propagation{mode, recursive})
	return true
}

// operation takes the options that say what to do rather than how, and
// those without effect.
func (o *MountOptions) operation(name string) bool {
	switch name {
	case "bind", "rbind":
		o.Bind, o.Recursive = true, name == "rbind"
	case "remount":
		o.Remount = true
	case "tmpcopyup":
		o.TmpCopyUp = true
	case "idmap", "ridmap":
		o.IDMap, o.IDMapTree = true, name == "ridmap"
	case "defaults":
		// rw, suid, dev, exec, async: what a mount has anyway.
	case "silent", "loud":
		// How much mount(2) writes to the kernel's log; fsopen(2) answers
		// in its own.
	case "iversion", "noiversion":
		// File systems that count the changes of an inode always do (ext4
		// since Linux 6.1), and fsconfig(2) has no such flag.
	default:
		return false
	}
	return true
}

// data takes what mount(2) gets in its last argument, where a comma starts
// the next option unless a backslash is before it (overlayfs).
func (o *MountOptions) data(option string) {
	for start, i := 0, 0; i <= len(option); i++ {
		if i < len(option) && (option[i] != ',' || i > 0 && option[i-1] == '\\') {
			continue
		}
		if i > start {
			key, val, found := strings.Cut(option[start:i], "=")
			o.Data = append(o.Data, KV{Key: key, Value: val, Flag: !found})
		}
		start = i + 1
	}
}

// KnownMountOptions lists, sorted, every option that is not left to the file
// system, for the features verb.
func KnownMountOptions() []string {
	return []string{
		"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec",
		"idmap", "iversion", "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec",
		"noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
		"nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime",
		"remount", "rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec",
		"rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate",
		"rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid",
		"rsymfollow", "runbindable", "rw", "shared", "silent", "slave", "strictatime",
		"suid", "symfollow", "sync", "tmpcopyup", "unbindable",
	}
}

// String writes the option as in config.json.
func (kv KV) String() string {
	if kv.Flag {
		return kv.Key
	}
	return kv.Key + "=" + kv.Value
}
