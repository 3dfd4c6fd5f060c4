package runtime

import (
	"fmt"
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// A netlinkSocket talks to the kernel about the devices of one network namespace.
type netlinkSocket struct {
	fd  int
	buf []byte
}

func openNetlink() (*netlinkSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return &netlinkSocket{fd, make([]byte, 64<<10)}, nil
}

// openNetlinkIn opens a socket of another network namespace: sockets stay in
// the one that they were made in. The thread that enters it for this moment
// ends; a network namespace, unlike others, shows nobody its tasks.
func openNetlinkIn(path string) (s *netlinkSocket, err error) {
	ns, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(ns)
	done := make(chan struct{})
	go func() {
		defer close(done)
		goruntime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if err = unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("setns %s: %w", path, err)
			return
		}
		s, err = openNetlink()
	}()
	<-done
	return s, err
}

func (s *netlinkSocket) close() { unix.Close(s.fd) }

// ask sends a request and returns what comes before its acknowledgement, or
// before the end of a dump.
func (s *netlinkSocket) ask(m *netlinkMessage, flags uint16) ([]netlinkMessage, error) {
	if err := unix.Sendto(s.fd, m.request(flags|unix.NLM_F_ACK), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	var all []netlinkMessage
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("netlink: %w", err)
		}
		list, err := parseNetlink(append([]byte(nil), s.buf[:n]...))
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			switch m.kind {
			case unix.NLMSG_DONE:
				return all, nil
			case unix.NLMSG_ERROR:
				return all, m.errno()
			}
			all = append(all, m)
		}
	}
}

// device is the index of a device, or ENODEV.
func (s *netlinkSocket) device(name string) (int, error) {
	m := linkMessage(unix.RTM_GETLINK, 0, 0, 0)
	m.name(unix.IFLA_IFNAME, name)
	list, err := s.ask(m, 0)
	if err == nil && len(list) != 1 {
		err = errNetlink
	}
	if err != nil {
		return 0, err
	}
	return list[0].linkIndex(), nil
}

// devices are the indexes of all devices.
func (s *netlinkSocket) devices() (map[int]bool, error) {
	list, err := s.ask(linkMessage(unix.RTM_GETLINK, 0, 0, 0), unix.NLM_F_DUMP)
	set := make(map[int]bool, len(list))
	for i := range list {
		set[list[i].linkIndex()] = true
	}
	return set, err
}

// addresses are those of a device that go with it.
func (s *netlinkSocket) addresses(index int) (keep []interfaceAddress, err error) {
	list, err := s.ask(&netlinkMessage{kind: unix.RTM_GETADDR, data: make([]byte, unix.SizeofIfAddrmsg)}, unix.NLM_F_DUMP)
	for _, m := range list {
		a := interfaceAddress{m}
		if len(m.data) >= unix.SizeofIfAddrmsg && a.index() == index && a.lasts() {
			keep = append(keep, a)
		}
	}
	return keep, err
}

func (s *netlinkSocket) up(index int) error {
	_, err := s.ask(linkMessage(unix.RTM_NEWLINK, index, unix.IFF_UP, unix.IFF_UP), 0)
	return err
}

// move puts a device into a network namespace, under a name.
func (s *netlinkSocket) move(index int, ns int, name string) error {
	m := linkMessage(unix.RTM_NEWLINK, index, 0, 0)
	m.name(unix.IFLA_IFNAME, name)
	m.number(unix.IFLA_NET_NS_FD, uint32(ns))
	_, err := s.ask(m, 0)
	return err
}
