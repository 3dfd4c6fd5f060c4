package runtime

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNetlinkReadsBackWhatItWrites(t *testing.T) {
	m := linkMessage(unix.RTM_NEWLINK, 7, unix.IFF_UP, unix.IFF_UP)
	m.name(unix.IFLA_IFNAME, "eth0")
	m.number(unix.IFLA_NET_NS_FD, 9)
	text := append(m.request(0), m.request(0)...)
	list, err := parseNetlink(text)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	got := &list[1]
	if got.kind != unix.RTM_NEWLINK || got.linkIndex() != 7 || string(got.find(unix.SizeofIfInfomsg, unix.IFLA_IFNAME)) != "eth0\x00" ||
		len(got.find(unix.SizeofIfInfomsg, unix.IFLA_NET_NS_FD)) != 4 || got.find(unix.SizeofIfInfomsg, unix.IFLA_MTU) != nil {
		t.Errorf("got %+v", got)
	}
}

// Global and permanent goes along, with what is the user's of the flags.
func TestAddressesThatGoWithADevice(t *testing.T) {
	for _, tc := range []struct {
		scope byte
		flags uint32
		want  bool
	}{
		{unix.RT_SCOPE_UNIVERSE, unix.IFA_F_PERMANENT, true},
		{unix.RT_SCOPE_UNIVERSE, unix.IFA_F_PERMANENT | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_SECONDARY, true},
		{unix.RT_SCOPE_UNIVERSE, 0, false}, // from DHCP or a router
		{unix.RT_SCOPE_LINK, unix.IFA_F_PERMANENT, false},
	} {
		a := interfaceAddress{netlinkMessage{kind: unix.RTM_NEWADDR, data: []byte{unix.AF_INET, 24, byte(tc.flags), tc.scope, 3, 0, 0, 0}}}
		a.attr(unix.IFA_LOCAL, []byte{192, 0, 2, 1})
		a.number(unix.IFA_FLAGS, tc.flags)
		if a.lasts() != tc.want || a.index() != 3 {
			t.Errorf("%+v: %t, index %d", tc, a.lasts(), a.index())
		}
		m := interfaceAddress{*a.on(8)}
		if m.index() != 8 || m.data[1] != 24 || !bytes.Equal(m.find(unix.SizeofIfAddrmsg, unix.IFA_LOCAL), []byte{192, 0, 2, 1}) ||
			m.flags() != tc.flags&unix.IFA_F_NOPREFIXROUTE {
			t.Errorf("%+v: becomes %x", tc, m.data)
		}
	}
}

func FuzzParseNetlink(f *testing.F) {
	m := linkMessage(unix.RTM_NEWLINK, 7, 0, 0)
	m.name(unix.IFLA_IFNAME, "eth0")
	f.Add(m.request(0))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseNetlink(text)
		for i := range list {
			list[i].find(unix.SizeofIfInfomsg, unix.IFLA_IFNAME)
			list[i].linkIndex()
			list[i].errno()
		}
		if err != nil && list != nil {
			t.Error("messages beside an error")
		}
	})
}
