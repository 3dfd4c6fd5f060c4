package nsinit

import (
	"strings"

	"minirun/bundles"

	"golang.org/x/sys/unix"
)

// rootfs makes the container's root a mount of its own and opens it: all that
// follows reaches the root file system through this descriptor.
func (b *builder) rootfs() {
	if b.ns.has(unix.CLONE_NEWNS) {
		b.propagate("what becomes of mounts made here on the host", atFDCWD, "/", b.hostPropagation())
	}
	if !b.ns.has(unix.CLONE_NEWNS) {
		// Whatever were mounted here would be the host's, and stay.
		if r := b.spec.Root; r != nil && r.Readonly {
			b.fail("root.readonly needs a mount namespace")
		}
		b.root = b.open("the root file system, where it is", "root", "openat", atFDCWD, str(b.facts.Root), b.oPathDirectory())
		return
	}
	if b.early {
		b.call("pivot_root wants it attached", "move_mount", Val{b.root}, empty, atFDCWD, empty, moveBoth)
		return
	}
	if b.sharesRoot() {
		b.propagate("the root itself must not be shared: its mounts would appear on the host, and pivot_root refuses it",
			atFDCWD, b.facts.RootMount, bundles.Propagation{Type: unix.MS_PRIVATE})
	}
	b.root = b.open("the root file system, as a mount of its own", "root", "open_tree", atFDCWD, str(b.facts.Root),
		sym(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE"))
	b.call("pivot_root wants it attached", "move_mount", Val{b.root}, empty, atFDCWD, str(b.facts.Root), moveEmpty)
}

// hostPropagation cuts the host's mounts off in one direction, or as
// config.json wants it: in both, or in none.
func (b *builder) hostPropagation() bundles.Propagation {
	p := bundles.Propagation{Type: unix.MS_SLAVE, Recursive: true}
	switch {
	case strings.HasSuffix(b.spec.Linux.RootfsPropagation, "private"):
		p.Type = unix.MS_PRIVATE
	case b.sharesRoot():
		p.Type = unix.MS_SHARED
	}
	return p
}

// sharesRoot says that mounts made in the container reach the host, which they
// never do from a user namespace (copy_mnt_ns, fs/namespace.c).
func (b *builder) sharesRoot() bool {
	return strings.HasSuffix(b.spec.Linux.RootfsPropagation, "shared") && b.ns.has(unix.CLONE_NEWNS) &&
		!b.ns.has(unix.CLONE_NEWUSER)
}

var (
	moveEmpty Arg = Const{V: unix.MOVE_MOUNT_F_EMPTY_PATH, Text: "MOVE_MOUNT_F_EMPTY_PATH"}
	moveBoth  Arg = Const{V: unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH,
		Text: "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"}
)

func (b *builder) oPathDirectory() Arg { return b.pathDirectory }

func propagationText(flag uint64) string {
	switch flag {
	case unix.MS_SHARED:
		return "MS_SHARED"
	case unix.MS_SLAVE:
		return "MS_SLAVE"
	case unix.MS_PRIVATE:
		return "MS_PRIVATE"
	}
	return "MS_UNBINDABLE"
}

// in are the arguments of an openat2 below the root of the root file system,
// which is hostile: symlinks stay inside the root and magic links are refused.
func (b *builder) in(path string, flags uint64, text string, resolve uint64) []Arg {
	return []Arg{Val{b.root}, str(relative(path)), b.how(flags, text, resolve), openHowSize}
}

// openHowSize is the size of struct open_how (openat2(2)).
var openHowSize Arg = Const{V: unix.SizeofOpenHow}

// how is a struct open_how, one for all steps with the same flags.
func (b *builder) how(flags uint64, text string, resolve uint64) Arg {
	for _, h := range b.hows {
		if h.flags == flags && h.resolve == resolve {
			return h.arg
		}
	}
	arg := Ptr{Data: words("{flags="+text+", resolve="+resolveText(resolve)+"}", flags, 0, resolve)}
	b.hows = append(b.hows, openHow{flags, resolve, arg})
	return arg
}

// openHow remembers the structure for one pair of flags.
type openHow struct {
	flags, resolve uint64
	arg            Arg
}

const (
	resolveIn   = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	resolveReal = resolveIn | unix.RESOLVE_NO_SYMLINKS
)

func resolveText(r uint64) string {
	text := "RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS"
	if r&unix.RESOLVE_NO_SYMLINKS != 0 {
		text += "|RESOLVE_NO_SYMLINKS"
	}
	return text
}

// relative turns a path of the container into one below its root. An empty
// path, which openat2 refuses, becomes ".".
func relative(path string) string {
	if p := strings.TrimPrefix(clean(path), "/"); p != "" {
		return p
	}
	return "."
}

// target opens the place that a mount covers, and makes what is missing of
// the way there: directories, and a last component that is a directory or an
// empty file. Each component is made in a directory that was just opened
// below the root, and mkdirat and mknodat do not follow a last symlink.
func (b *builder) target(what, dest string, dir bool, resolve uint64) *Cell {
	t := &Cell{Name: "target"}
	flags, text := uint64(unix.O_PATH|unix.O_CLOEXEC), "O_PATH|O_CLOEXEC"
	if dir {
		flags, text = flags|b.abi.directory, text+"|O_DIRECTORY"
	}
	args := b.in(dest, flags, text, resolve)
	found := b.fresh("found")
	b.do(what, Call{Name: "openat2", Args: args, Result: t, OK: found, On: tolerate(unix.ENOENT)})

	path := relative(dest)
	parent, rest := b.root, path
	for rest != "" {
		name, after, _ := strings.Cut(rest, "/")
		b.make(what, parent, name, dir || after != "")
		if parent != b.root {
			b.close(parent)
		}
		if after != "" {
			parent = b.open(what, "parent", "openat2",
				b.in(strings.TrimSuffix(path, "/"+after), unix.O_PATH|unix.O_CLOEXEC|b.abi.directory, "O_PATH|O_CLOEXEC|O_DIRECTORY", resolve)...)
		}
		rest = after
	}
	b.do(what, Call{Name: "openat2", Args: args, Result: t})
	b.here(found)
	return t
}

func (b *builder) make(what string, parent *Cell, name string, dir bool) {
	if dir {
		b.do(what, Call{Name: "mkdirat",
			Args: []Arg{Val{parent}, str(name), octal(0o755)}, On: tolerate(unix.EEXIST)})
		return
	}
	b.do(what, Call{Name: "mknodat",
		Args: []Arg{Val{parent}, str(name), sym(unix.S_IFREG|0o755, "S_IFREG|0755"), num(0)}, On: tolerate(unix.EEXIST)})
}

// clean is path.Clean for an absolute path, with "/" in front of a relative one.
func clean(path string) string {
	parts := make([]string, 0, 8)
	for p := range strings.SplitSeq(path, "/") {
		switch p {
		case "", ".":
		case "..":
			parts = parts[:max(0, len(parts)-1)]
		default:
			parts = append(parts, p)
		}
	}
	return "/" + strings.Join(parts, "/")
}

// pivot makes the root file system the root directory and lets go of the host's.
func (b *builder) pivot() {
	b.call("from here on by relative path", "fchdir", Val{b.root})
	switch {
	case !b.ns.has(unix.CLONE_NEWNS):
		b.call("no mount namespace: chroot", "chroot", str("."))
	case b.facts.NoPivot:
		b.call("--no-pivot: the root file system over the host's root", "move_mount",
			Val{b.root}, empty, atFDCWD, str("/"), moveEmpty)
		b.call("--no-pivot: and into it", "chroot", str("."))
	default:
		b.pivotRoot()
	}
	b.call("not even the working directory is left outside", "chdir", str("/"))
	b.rootPropagation()
	b.close(b.root)
}

func (b *builder) pivotRoot() {
	if !b.sharesRoot() {
		b.call("the container's root becomes the root directory, the host's lies over it", "pivot_root", str("."), str("."))
		b.call("the host's root is gone", "umount2", str("."), sym(unix.MNT_DETACH, "MNT_DETACH"))
		return
	}
	host := b.open("the host's root, to let go of it", "host", "openat", atFDCWD, str("/"), b.oPathDirectory())
	b.call("the container's root becomes the root directory", "pivot_root", str("."), str("."))
	b.call("the host's root", "fchdir", Val{host})
	b.propagate("its unmount must not reach the host", Val{host}, "", bundles.Propagation{Type: unix.MS_SLAVE, Recursive: true})
	b.call("the host's root is gone", "umount2", str("."), sym(unix.MNT_DETACH, "MNT_DETACH"))
	b.close(host)
}

// rootPropagation is linux.rootfsPropagation. It comes after pivot_root: on
// the mount under the host's root it would change the host's.
func (b *builder) rootPropagation() {
	if b.spec.Linux.RootfsPropagation == "" || !b.ns.has(unix.CLONE_NEWNS) {
		return
	}
	opts, err := bundles.ParseMountOptions([]string{b.spec.Linux.RootfsPropagation})
	if err != nil || len(opts.Propagation) != 1 {
		b.fail("linux.rootfsPropagation: %q is no propagation", b.spec.Linux.RootfsPropagation)
		return
	}
	b.propagate("linux.rootfsPropagation", Val{b.root}, "", opts.Propagation[0])
}

// readonly turns to read-only what had to be writable during the set-up.
func (b *builder) readonly() {
	if cwd := b.spec.Process.Cwd; clean(cwd) != "/" {
		b.close(b.target("process.cwd "+cwd, cwd, true, resolveIn))
	}
	for _, l := range b.frozen {
		b.setattr(l.why, l.fd, rdonly, false)
		b.close(l.fd)
	}
	if r := b.spec.Root; r != nil && r.Readonly {
		b.setattr("root.readonly", b.root, rdonly, false)
	}
	for _, p := range b.spec.Linux.ReadonlyPaths {
		b.readonlyPath(p)
	}
}
