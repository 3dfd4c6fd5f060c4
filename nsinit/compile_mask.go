package nsinit

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// readonlyPath covers a path with a read-only mount of itself. A path that is
// not there needs no cover.
func (b *builder) readonlyPath(path string) {
	skip := b.fresh("next")
	at, over := &Cell{Name: "path"}, &Cell{Name: "mount"}
	why := "linux.readonlyPaths: " + path
	b.do(why, Call{Name: "openat2", Args: b.in(path, unix.O_PATH|unix.O_CLOEXEC, "O_PATH|O_CLOEXEC", resolveIn),
		Result: at, On: divert(skip, unix.ENOENT)})
	b.do(why, Call{Name: "open_tree", Args: []Arg{Val{at}, empty, cloneTree}, Result: over})
	b.setattr(why, over, rdonly, false)
	b.attach(why, over, at)
	b.here(skip)
}

// attach moves a detached mount onto an open path and closes both.
func (b *builder) attach(why string, mount, at *Cell) {
	b.call(why, "move_mount", Val{mount}, empty, Val{at}, empty, moveBoth)
	b.close(mount)
	b.close(at)
}

// open_tree's flags for a copy of the mount at a descriptor, and of the tree below it.
var (
	cloneOne Arg = Const{V: unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH,
		Text: "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH"}
	cloneTree Arg = Const{V: unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH | unix.AT_RECURSIVE,
		Text: "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE"}
)

// mask hides linux.maskedPaths: a file under the host's /dev/null, a directory
// under an empty read-only tmpfs that all of them share. Which of the two it
// is shows when it is opened as a directory.
func (b *builder) mask() {
	paths := b.spec.Linux.MaskedPaths
	if len(paths) == 0 {
		return
	}
	null := b.openNull()
	tmpfs := b.emptyTmpfs()
	for _, path := range paths {
		b.maskPath(path, null, tmpfs)
	}
	b.close(null)
	b.close(tmpfs)
}

func (b *builder) maskPath(path string, null, tmpfs *Cell) {
	file, cover, next := b.fresh("file"), b.fresh("cover"), b.fresh("next")
	at, over := &Cell{Name: "path"}, &Cell{Name: "mount"}
	why := "linux.maskedPaths: " + path
	on := append(divert(next, unix.ENOENT), divert(file, unix.ENOTDIR)...)
	b.do(why, Call{Name: "openat2", Result: at, On: on,
		Args: b.in(path, unix.O_PATH|unix.O_CLOEXEC|b.abi.directory, "O_PATH|O_CLOEXEC|O_DIRECTORY", resolveIn)})
	b.copyTmpfs(why, tmpfs, at, over, cover, next)
	b.here(file)
	b.do(why, Call{Name: "openat2", Result: at, On: divert(next, unix.ENOENT),
		Args: b.in(path, unix.O_PATH|unix.O_CLOEXEC, "O_PATH|O_CLOEXEC", resolveIn)})
	b.do(why, Call{Name: "open_tree", Args: []Arg{Val{null}, empty, cloneOne}, Result: over})
	b.here(cover)
	b.attach(why, over, at)
	b.here(next)
}

// copyTmpfs makes over a copy of the tmpfs and goes on at cover. Where a mount
// that is attached nowhere cannot be copied, the first directory gets the tmpfs
// itself, and the others copies of what is attached by then.
func (b *builder) copyTmpfs(why string, tmpfs, at, over *Cell, cover, next string) {
	copied := Call{Name: "open_tree", Args: []Arg{Val{tmpfs}, empty, cloneOne}, Result: over, OK: cover}
	if b.facts.CopiesDetached {
		b.do(why, copied)
		return
	}
	first := b.fresh("first")
	copied.On = divert(first, unix.EINVAL)
	b.do(why, copied)
	b.here(first)
	b.call(why, "move_mount", Val{tmpfs}, empty, Val{at}, empty, moveBoth)
	b.do(why, Call{Name: "close", Args: []Arg{Val{at}}, OK: next})
}

// openNull opens the host's /dev/null and proves that it is character device
// 1:3: what is bound over a masked path must not be anything else
// (CVE-2025-31133).
func (b *builder) openNull() *Cell {
	null := b.open("the host's /dev/null", "null", "openat", atFDCWD, str("/dev/null"),
		sym(unix.O_PATH|unix.O_CLOEXEC|b.abi.nofollow, "O_PATH|O_CLOEXEC|O_NOFOLLOW"))
	b.mustBeDevice(null, unix.S_IFCHR, 1, 3, "the host's /dev/null")
	return null
}

// mustBeDevice ends the plan unless a descriptor is that device.
func (b *builder) mustBeDevice(fd *Cell, kind uint32, major, minor int, what string) {
	stx := space(256, "statx")
	wrong, right := b.fresh("wrong"), b.fresh("right")
	b.call("what is it?", "statx", Val{fd}, empty, sym(unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"),
		sym(unix.STATX_TYPE, "STATX_TYPE"), Ptr{Data: stx})
	b.do("what is it?", If{Cell: &Cell{Name: "stx_mode", Data: stx, Off: statxMode}, Mask: unix.S_IFMT,
		Cmp: Ne, Value: sym(uint64(kind), kindText(kind)), To: wrong})
	b.do("what is it?", If{Cell: &Cell{Name: "stx_rdev_major", Data: stx, Off: statxRdevMajor}, Cmp: Ne, Value: num(major), To: wrong})
	b.do("what is it?", If{Cell: &Cell{Name: "stx_rdev_minor", Data: stx, Off: statxRdevMinor}, Cmp: Eq, Value: num(minor), To: right})
	b.here(wrong)
	b.do("it is something else", Fail{Errno: unix.ENODEV, Message: fmt.Sprintf("%s is not %s device %d:%d", what, deviceText(kind), major, minor)})
	b.here(right)
}

func deviceText(kind uint32) string {
	if kind == unix.S_IFBLK {
		return "block"
	}
	return "character"
}

// Offsets in struct statx (include/uapi/linux/stat.h), the same everywhere.
const (
	statxMode      = 28
	statxRdevMajor = 128
	statxRdevMinor = 132
)

func (b *builder) emptyTmpfs() *Cell {
	const why = "an empty read-only tmpfs for masked directories"
	fs := b.open(why, "fs", "fsopen", str("tmpfs"), fsopenCloexec)
	for _, kv := range [][2]string{{"nr_blocks", "1"}, {"nr_inodes", "1"}} {
		b.configure(why, fs, kv[0], kv[1])
	}
	if text := b.mountLabel("tmpfs", nil); text != "" {
		b.configure(why, fs, "context", text)
	}
	b.create(why, fs)
	m := b.open(why, "empty", "fsmount", Val{fs}, fsmountCloexec,
		sym(unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC,
			"MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC"))
	b.close(fs)
	return m
}
