package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// A Set is the programs at their tracepoints, and their maps. It watches
// nothing until it is told what.
type Set struct {
	ring, zombies, groups, control *ebpf.Map
	memory                         *ebpf.Memory // of control
	fds                            []int        // programs and attachments
}

// Sizes of the maps, in entries.
const (
	mostZombies = 1 << 16 // exited, and their task_struct not yet freed
	mostGroups  = 1 << 10
)

// Attach loads the programs, for containers at a level below the first PID
// namespace, with a ring of so many bytes, a power of two.
func Attach(level int, ring uint32) (s *Set, err error) {
	k, err := thisKernel()
	if err != nil {
		return nil, err
	}
	return k.load(level, ring)
}

// load makes the maps, and loads and attaches the programs.
func (k *kernel) load(level int, ring uint32) (s *Set, err error) {
	s = &Set{}
	if err = s.makeMaps(ring); err == nil {
		err = s.attach(k, int16(level))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// thisKernel reads the BTF of the running kernel. It is mapped, which kernels
// before 6.16 refuse: reading the whole takes as long as all the rest.
func thisKernel() (*kernel, error) {
	f, err := os.Open("/sys/kernel/btf/vmlinux")
	if err != nil {
		return nil, fmt.Errorf("the kernel has no BTF (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := int(info.Size())
	blob, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		if blob, err = readInto(f, size); err != nil {
			return nil, err
		}
	}
	k, err := readKernel(blob)
	return k, errors.Join(err, unix.Munmap(blob))
}

// readInto reads a file into memory that is given back at once, other than the heap.
func readInto(f *os.File, size int) ([]byte, error) {
	blob, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	for n := 0; n < size; {
		m, err := f.Read(blob[n:])
		if err != nil {
			return nil, errors.Join(err, unix.Munmap(blob))
		}
		n += m
	}
	return blob, nil
}

func (s *Set) makeMaps(ring uint32) error {
	for _, m := range []struct {
		to   **ebpf.Map
		name string
		spec ebpf.MapSpec
	}{
		{&s.ring, "ring buffer", ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ring}},
		{&s.control, "control map", ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: controlSize, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE}},
		{&s.zombies, "map of zombies", ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: deadSize, MaxEntries: mostZombies, Flags: unix.BPF_F_NO_PREALLOC}},
		{&s.groups, "map of cgroups", ebpf.MapSpec{Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: mostGroups, Flags: unix.BPF_F_NO_PREALLOC}},
	} {
		var err error
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			return fmt.Errorf("make %s: %w", m.name, err)
		}
	}
	var err error
	if s.memory, err = s.control.Memory(); err != nil {
		return fmt.Errorf("map control block: %w", err)
	}
	return nil
}

// attach loads the programs, each while the verifier is at the others, and
// then attaches them.
func (s *Set) attach(k *kernel, level int16) error {
	maps := mapFDs{ring: s.ring.FD(), control: s.control.FD(), zombies: s.zombies.FD(), groups: s.groups.FD(), mark: s.mark()}
	var fds [len(programs)]int
	var errs [len(programs)]error
	var all sync.WaitGroup
	for i := range programs {
		p := &programs[i]
		all.Go(func() { fds[i], errs[i] = load(p.point, p.assemble(k, level, maps), k.points[p.point]) })
	}
	all.Wait()
	for i, fd := range fds {
		if errs[i] == nil {
			s.fds = append(s.fds, fd)
		}
	}
	for i, fd := range fds {
		if errs[i] != nil {
			return errs[i]
		}
		fd, err := attachAt(fd)
		if err != nil {
			return fmt.Errorf("attach to tracepoint %s: %w", programs[i].point, err)
		}
		s.fds = append(s.fds, fd)
	}
	return nil
}

// mark is how much of the ring may be full before its reader is woken, in bytes.
func (s *Set) mark() uint32 { return s.ring.MaxEntries() / 4 }

// Watch sets the PID namespace that is watched, by its inode.
func (s *Set) Watch(namespace uint32) error { return s.set(controlNumber, namespace) }

// Expect lets the next container that process makes be watched from its clone on.
func (s *Set) Expect(process int) error { return s.set(controlParent, uint32(process)) }

func (s *Set) set(at int64, value uint32) error {
	_, err := s.memory.WriteAt(binary.LittleEndian.AppendUint32(nil, value), at)
	return err
}

// Lost is how many records had no room in the ring, or could not be made.
func (s *Set) Lost() (uint64, error) {
	var b [16]byte
	_, err := s.memory.ReadAt(b[:], controlLost)
	return binary.LittleEndian.Uint64(b[:]) + binary.LittleEndian.Uint64(b[8:]), err
}

// Close detaches and unloads everything.
func (s *Set) Close() error {
	var errs []error
	for _, fd := range s.fds {
		errs = append(errs, unix.Close(fd))
	}
	s.fds = nil
	for _, m := range []*ebpf.Map{s.ring, s.control, s.zombies, s.groups} {
		errs = append(errs, m.Close()) // which a nil map bears
	}
	return errors.Join(errs...)
}

// gone are the dead that have been reaped, and whose Free has not been told;
// a zombie is not among them, and may stay for ever.
func (s *Set) gone() (tasks []observe.Task) {
	var pid int32
	var d struct {
		Inside, Own, Depth, Zero int32
		Start                    uint64
	}
	for it := s.zombies.Iterate(); it.Next(&pid, &d); {
		if unix.Kill(int(pid), 0) == unix.ESRCH {
			tasks = append(tasks, observe.Task{Pid: pid, Tgid: pid, Inside: d.Inside, Own: d.Own, Depth: d.Depth})
		}
	}
	return tasks
}
