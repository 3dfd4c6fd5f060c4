package runtime

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Messages of rtnetlink(7), as far as network devices are moved by them: a
// header, a fixed body, and attributes, all of it aligned to four bytes.

// A netlinkMessage is one that is being written, or one that was received.
type netlinkMessage struct {
	kind uint16
	data []byte // body and attributes
}

const netlinkAlign = 4

// request is the text of a message for the kernel.
func (m *netlinkMessage) request(flags uint16) []byte {
	n := unix.SizeofNlMsghdr + len(m.data)
	out := make([]byte, unix.SizeofNlMsghdr, n)
	binary.NativeEndian.PutUint32(out, uint32(n))
	binary.NativeEndian.PutUint16(out[4:], m.kind)
	binary.NativeEndian.PutUint16(out[6:], flags|unix.NLM_F_REQUEST)
	return append(out, m.data...)
}

// attr appends an attribute.
func (m *netlinkMessage) attr(kind uint16, value []byte) {
	m.data = binary.NativeEndian.AppendUint16(m.data, uint16(unix.SizeofRtAttr+len(value)))
	m.data = binary.NativeEndian.AppendUint16(m.data, kind)
	m.data = append(m.data, value...)
	for len(m.data)%netlinkAlign != 0 {
		m.data = append(m.data, 0)
	}
}

// name is a string with the NUL that the kernel wants.
func (m *netlinkMessage) name(kind uint16, text string) { m.attr(kind, append([]byte(text), 0)) }

func (m *netlinkMessage) number(kind uint16, n uint32) {
	m.attr(kind, binary.NativeEndian.AppendUint32(nil, n))
}

// find is the value of an attribute after a body of that size; nil without.
func (m *netlinkMessage) find(body int, kind uint16) []byte {
	for rest := m.data[min(body, len(m.data)):]; len(rest) >= unix.SizeofRtAttr; {
		n := int(binary.NativeEndian.Uint16(rest))
		if n < unix.SizeofRtAttr || n > len(rest) {
			return nil
		}
		const typeMask = 0x3fff // NLA_TYPE_MASK, include/uapi/linux/netlink.h
		if binary.NativeEndian.Uint16(rest[2:])&typeMask == kind {
			return rest[unix.SizeofRtAttr:n]
		}
		rest = rest[min(aligned(n), len(rest)):]
	}
	return nil
}

func aligned(n int) int { return (n + netlinkAlign - 1) &^ (netlinkAlign - 1) }

var errNetlink = errors.New("netlink: a message that is not as rtnetlink(7) describes it")

// parseNetlink splits what one recv(2) has brought.
func parseNetlink(text []byte) ([]netlinkMessage, error) {
	var list []netlinkMessage
	for len(text) > 0 {
		if len(text) < unix.SizeofNlMsghdr {
			return nil, errNetlink
		}
		n := int(binary.NativeEndian.Uint32(text))
		if n < unix.SizeofNlMsghdr || n > len(text) {
			return nil, errNetlink
		}
		list = append(list, netlinkMessage{binary.NativeEndian.Uint16(text[4:]), text[unix.SizeofNlMsghdr:n]})
		text = text[min(aligned(n), len(text)):]
	}
	return list, nil
}

// errno is what an NLMSG_ERROR says: nil is an acknowledgement.
func (m *netlinkMessage) errno() error {
	if len(m.data) < 4 {
		return errNetlink
	}
	if n := int32(binary.NativeEndian.Uint32(m.data)); n != 0 {
		return unix.Errno(-n)
	}
	return nil
}

// linkMessage has a struct ifinfomsg for its body.
func linkMessage(kind uint16, index int, flags, change uint32) *netlinkMessage {
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(index))
	binary.NativeEndian.PutUint32(body[8:], flags)
	binary.NativeEndian.PutUint32(body[12:], change)
	return &netlinkMessage{kind: kind, data: body}
}

func (m *netlinkMessage) linkIndex() int {
	if len(m.data) < unix.SizeofIfInfomsg {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(m.data[4:])))
}

// An interfaceAddress is a struct ifaddrmsg with its attributes.
type interfaceAddress struct{ netlinkMessage }

func (a *interfaceAddress) index() int { return int(binary.NativeEndian.Uint32(a.data[4:])) }

// flags are IFA_F_*, of which the body has room for eight.
func (a *interfaceAddress) flags() uint32 {
	if f := a.find(unix.SizeofIfAddrmsg, unix.IFA_FLAGS); len(f) == 4 {
		return binary.NativeEndian.Uint32(f)
	}
	return uint32(a.data[2])
}

// lasts tells whether an address goes with its device: one of global scope
// that nobody gave for a time (runtime-spec, netDevices).
func (a *interfaceAddress) lasts() bool {
	return a.flags()&unix.IFA_F_PERMANENT != 0 && a.data[3] == unix.RT_SCOPE_UNIVERSE
}

// on is the message that gives a device this address. What of the flags is
// the user's wish stays; the rest is the kernel's to find out.
func (a *interfaceAddress) on(index int) *netlinkMessage {
	const wishes = unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_MCAUTOJOIN
	body := make([]byte, unix.SizeofIfAddrmsg)
	body[0], body[1] = a.data[0], a.data[1]
	binary.NativeEndian.PutUint32(body[4:], uint32(index))
	m := &netlinkMessage{kind: unix.RTM_NEWADDR, data: body}
	for _, kind := range []uint16{unix.IFA_ADDRESS, unix.IFA_LOCAL, unix.IFA_BROADCAST, unix.IFA_RT_PRIORITY} {
		if value := a.find(unix.SizeofIfAddrmsg, kind); value != nil {
			m.attr(kind, value)
		}
	}
	if f := a.flags() & wishes; f != 0 {
		m.number(unix.IFA_FLAGS, f)
	}
	return m
}
