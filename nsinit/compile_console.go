package nsinit

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// console makes the container's terminal: a pair of its own devpts, the
// master sent to minirun's side, the slave as descriptors 0, 1 and 2, as
// controlling terminal and as /dev/console.
func (b *builder) console() {
	if !b.facts.Console {
		return
	}
	master := b.openMaster()
	b.call("the slave may be opened", "ioctl", Val{master}, sym(unix.TIOCSPTLCK, "TIOCSPTLCK"),
		Ptr{Data: halves("[0]", 0)})
	// By the master, never by a path that the container could have swapped (CVE-2025-52565).
	b.slave = b.open("the slave", "slave", "ioctl", Val{master}, sym(unix.TIOCGPTPEER, "TIOCGPTPEER"),
		sym(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, "O_RDWR|O_NOCTTY|O_CLOEXEC"))
	if size := b.spec.Process.ConsoleSize; size != nil && size.Height > 0 && size.Width > 0 {
		ws := &Data{Bytes: make([]byte, 8), Text: fmt.Sprintf("{ws_row=%d, ws_col=%d}", size.Height, size.Width)}
		binary.LittleEndian.PutUint16(ws.Bytes, uint16(size.Height))
		binary.LittleEndian.PutUint16(ws.Bytes[2:], uint16(size.Width))
		b.call("process.consoleSize", "ioctl", Val{b.slave}, sym(unix.TIOCSWINSZ, "TIOCSWINSZ"), Ptr{Data: ws})
	}
	b.sendMaster(master)
	b.close(master)
	if b.joining == nil { // the container's own terminal, not that of an exec
		b.bindConsole()
	}
	for fd := range 3 {
		b.call("the terminal is standard input, output and error", "dup3", Val{b.slave}, num(fd), num(0))
	}
	b.call("and the controlling terminal of the session", "ioctl", num(0), sym(unix.TIOCSCTTY, "TIOCSCTTY"), num(0))
	if uid := b.spec.Process.User.UID; uid != 0 {
		b.call("the terminal belongs to the container's user", "fchown", num(0), num(int(uid)), num(-1))
	}
	b.close(b.slave)
}

// openMaster opens ptmx of the devpts that config.json mounts, by the mount's
// own descriptor; without one, that of the root file system, if it is 5:2.
func (b *builder) openMaster() *Cell {
	const flags, text = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC, "O_RDWR|O_NOCTTY|O_CLOEXEC"
	if b.pts != nil {
		m := b.open("the terminal's master", "master", "openat", Val{b.pts}, str("ptmx"), sym(flags, text))
		b.close(b.pts)
		return m
	}
	m := b.open("the terminal's master", "master", "openat2", b.in("/dev/ptmx", flags, text, resolveIn)...)
	b.mustBeDevice(m, unix.S_IFCHR, 5, 2, "/dev/ptmx")
	return m
}

// sendMaster passes the master over a Unix socket, as SCM_RIGHTS (unix(7)):
// one message, one descriptor, the payload a name.
func (b *builder) sendMaster(master *Cell) {
	name := "/dev/ptmx"
	msg, cmsg := rights(&Data{Bytes: []byte(name), Align: 1}, strconv.Quote(name), "master")
	cmsg.Name = "cmsg_data"
	b.do("into the message", Set{Cell: cmsg, A: Val{master}})
	b.call("the master goes to the other side", "sendmsg", b.fd(Inherit{Role: RoleConsole}), msg,
		sym(unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"))
	b.call("one terminal a container", "close", b.fd(Inherit{Role: RoleConsole}))
}

// rights is a struct msghdr that passes one descriptor (cmsg(3), unix(7)), and
// the place in it that takes the descriptor. What and name are for its text.
func rights(payload *Data, what, name string) (msg Arg, fd *Cell) {
	const header = 16
	cmsg := &Data{Bytes: make([]byte, header, header+8), Size: header + 8, Text: "{SCM_RIGHTS, [" + name + "]}"}
	binary.LittleEndian.PutUint64(cmsg.Bytes, header+4)
	binary.LittleEndian.PutUint32(cmsg.Bytes[8:], unix.SOL_SOCKET)
	binary.LittleEndian.PutUint32(cmsg.Bytes[12:], unix.SCM_RIGHTS)
	iov := words("", 0, uint64(len(payload.Bytes)))
	iov.Relocs = []Reloc{{Off: 0, To: payload}}
	m := words("{msg_iov=[{"+what+"}], msg_control=[{cmsg_type=SCM_RIGHTS, cmsg_data=["+name+"]}]}",
		0, 0, 0, 1, 0, uint64(cmsg.Size), 0)
	m.Relocs = []Reloc{{Off: 16, To: iov}, {Off: 32, To: cmsg}}
	return Ptr{Data: m}, &Cell{Name: name, Data: cmsg, Off: header}
}

// bindConsole mounts the slave on /dev/console. The place is opened without
// following a symlink (CVE-2026-88264).
func (b *builder) bindConsole() {
	const why = "/dev/console is the terminal"
	at := b.target(why, "/dev/console", false, resolveReal)
	over := b.open(why, "mount", "open_tree", Val{b.slave}, empty, cloneOne)
	b.attach(why, over, at)
}
