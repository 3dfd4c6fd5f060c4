package nsinit

import (
	"fmt"
	"os"
	"path"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// devices furnishes /dev: the default devices and symlinks of the
// runtime-spec (config-linux.md) and those of linux.devices. A bind-mounted
// /dev is somebody else's and is left alone, as runc does.
func (b *builder) devices() {
	if b.boundDev() {
		return
	}
	dev := b.target("/dev", "/dev", true, resolveIn)
	for _, n := range b.deviceNodes() {
		b.device(n, dev)
	}
	for _, l := range [][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"}, {"/proc/kcore", "core"}, {"pts/ptmx", "ptmx"},
	} {
		b.do("the default symlink /dev/"+l[1], Call{Name: "symlinkat",
			Args: []Arg{str(l[0]), Val{dev}, str(l[1])}, On: tolerate(unix.EEXIST)})
	}
	b.close(dev)
}

func (b *builder) boundDev() bool {
	for i, m := range b.spec.Mounts {
		if clean(m.Destination) == "/dev" && b.options[i].Bind {
			return true
		}
	}
	return false
}

// node is a device to make.
type node struct {
	path         string
	kind         uint32 // S_IFCHR, S_IFBLK or S_IFIFO
	mode         uint32
	major, minor int64
	uid, gid     uint32
}

// deviceNodes are the default devices, each replaced by the entry of
// linux.devices with its path, if there is one, and then the others.
func (b *builder) deviceNodes() []node {
	nodes := []node{
		{path: "/dev/null", major: 1, minor: 3}, {path: "/dev/zero", major: 1, minor: 5},
		{path: "/dev/full", major: 1, minor: 7}, {path: "/dev/tty", major: 5, minor: 0},
		{path: "/dev/random", major: 1, minor: 8}, {path: "/dev/urandom", major: 1, minor: 9},
	}
	for i := range nodes {
		nodes[i].kind, nodes[i].mode = unix.S_IFCHR, 0o666
	}
	for _, d := range b.spec.Linux.Devices {
		nodes = merge(nodes, nodeOf(d))
	}
	return nodes
}

func merge(nodes []node, n node) []node {
	for i := range nodes {
		if nodes[i].path == n.path {
			nodes[i] = n
			return nodes
		}
	}
	return append(nodes, n)
}

func nodeOf(d specs.LinuxDevice) node {
	n := node{path: clean(d.Path), mode: 0o666, major: d.Major, minor: d.Minor}
	switch d.Type {
	case "b":
		n.kind = unix.S_IFBLK
	case "p":
		n.kind, n.major, n.minor = unix.S_IFIFO, 0, 0
	default:
		n.kind = unix.S_IFCHR
	}
	if d.FileMode != nil {
		n.mode = uint32(*d.FileMode & os.ModePerm)
	}
	if d.UID != nil {
		n.uid = *d.UID
	}
	if d.GID != nil {
		n.gid = *d.GID
	}
	return n
}

// device makes one node in its directory, mostly dev, below the root by
// descriptor. One that the root file system brings along stays, as with runc.
func (b *builder) device(n node, dev *Cell) {
	why := "device " + n.path
	if n.kind != unix.S_IFIFO && b.userNS() {
		b.bindDevice(why, n)
		return
	}
	dir := dev
	if in := path.Dir(n.path); in != "/dev" {
		dir = b.target(why, in, true, resolveIn)
	}
	name, done := str(path.Base(n.path)), b.fresh("device")
	b.do(why, Call{Name: "mknodat", On: divert(done, unix.EEXIST), Args: []Arg{Val{dir}, name,
		sym(uint64(n.kind|n.mode), fmt.Sprintf("%s|%#o", kindText(n.kind), n.mode)),
		sym(unix.Mkdev(uint32(n.major), uint32(n.minor)), fmt.Sprintf("makedev(%d, %d)", n.major, n.minor))}})
	if n.uid != 0 || n.gid != 0 {
		b.call(why+", its owner", "fchownat", Val{dir}, name, num(int(n.uid)), num(int(n.gid)),
			sym(unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"))
	}
	b.here(done)
	if dir != dev {
		b.close(dir)
	}
}

// bindDevice mounts the host's node where mknod(2) is not allowed, which it
// never is in a user namespace. The place is opened without following a symlink.
func (b *builder) bindDevice(why string, n node) {
	fd, opened := b.sources[n.path]
	if !opened {
		fd = b.deviceSource(n)
	}
	b.attach(why, fd, b.target(why, n.path, false, resolveReal))
}

// deviceSource copies the mount of a node of the host, by its path as runc
// does, and proves that it is the device with these numbers.
func (b *builder) deviceSource(n node) *Cell {
	fd := b.open("device "+n.path+", the host's", path.Base(n.path), "open_tree", atFDCWD, str(n.path), bindFlags(false))
	b.mustBeDevice(fd, n.kind, int(n.major), int(n.minor), "the host's "+n.path)
	return fd
}

func kindText(kind uint32) string {
	switch kind {
	case unix.S_IFBLK:
		return "S_IFBLK"
	case unix.S_IFIFO:
		return "S_IFIFO"
	}
	return "S_IFCHR"
}
