package runtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// moveDevices is linux.netDevices: devices of minirun's network namespace go
// to the container's, with their permanent addresses, and are up there. They
// never come back by minirun: the namespace is their owner from then on.
func (b *birth) moveDevices() error {
	l := b.bundle.Spec.Linux
	if l == nil || len(l.NetDevices) == 0 {
		return nil
	}
	path := procPath(b.pid) + "/ns/net"
	if n := bundles.Namespace(l, specs.NetworkNamespace); n.Path != "" {
		path = n.Path // the image may not have joined it yet
	}
	m, err := openMover(path)
	if err != nil {
		return fmt.Errorf("linux.netDevices: %w", err)
	}
	defer m.close()
	names := make([]string, 0, len(l.NetDevices))
	for name := range l.NetDevices {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := m.carry(name, l.NetDevices[name].Name); err != nil {
			return fmt.Errorf("linux.netDevices[%q]: %w", name, err)
		}
	}
	return nil
}

// A mover carries devices from one network namespace to another.
type mover struct {
	from, to *netlinkSocket
	ns       int
}

func openMover(path string) (*mover, error) {
	from, err := openNetlink()
	if err != nil {
		return nil, err
	}
	to, err := openNetlinkIn(path)
	if err != nil {
		from.close()
		return nil, err
	}
	ns, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		from.close()
		to.close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &mover{from, to, ns}, nil
}

func (m *mover) close() {
	m.from.close()
	m.to.close()
	unix.Close(m.ns)
}

// carry moves one device; an empty new name is the old one.
func (m *mover) carry(name, as string) error {
	if as == "" {
		as = name
	}
	index, err := m.from.device(name)
	if err != nil {
		return err
	}
	addresses, err := m.from.addresses(index)
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	index, err = m.move(index, as)
	if err != nil {
		return fmt.Errorf("move it as %q: %w", as, err)
	}
	for i := range addresses {
		if _, err := m.to.ask(addresses[i].on(index), unix.NLM_F_CREATE|unix.NLM_F_EXCL); err != nil {
			return fmt.Errorf("give it its address again: %w", err)
		}
	}
	if err := m.to.up(index); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}

// move returns the index that the device has on the other side: mostly that
// of before. A name with %d is a pattern, for the kernel to find a free name;
// any other must be free, and is looked for before, because the kernel gives
// the device its name when it has moved it.
func (m *mover) move(index int, as string) (int, error) {
	if !strings.Contains(as, "%d") {
		switch _, err := m.to.device(as); {
		case err == nil:
			return 0, unix.EEXIST
		case !errors.Is(err, unix.ENODEV):
			return 0, err
		}
	}
	before, err := m.to.devices()
	if err != nil {
		return 0, err
	}
	if err := m.from.move(index, m.ns, as); err != nil {
		return 0, err
	}
	after, err := m.to.devices()
	if err != nil {
		return 0, err
	}
	for index := range after {
		if !before[index] {
			return index, nil
		}
	}
	return 0, unix.ENODEV
}
