package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// loadAttr is the part of union bpf_attr for BPF_PROG_LOAD (include/uapi/linux/bpf.h).
type loadAttr struct {
	kind, count               uint32
	insns, license            unsafe.Pointer
	logLevel, logSize         uint32
	log                       unsafe.Pointer
	kernelVersion, flags      uint32
	name                      [unix.BPF_OBJ_NAME_LEN]byte
	ifindex, attachType       uint32
	btf, funcInfoSize         uint32
	funcInfo                  unsafe.Pointer
	funcInfoCount, lineInfo   uint32
	lines                     unsafe.Pointer
	lineCount, attachID, into uint32
	_                         uint32
}

// license is what the kernel asks of programs that call bpf_probe_read_kernel.
var license = [...]byte{'G', 'P', 'L', 0}

// load gives a program to the kernel, for a tracepoint. The library would
// decode the whole of the kernel's BTF to find the tracepoint's number, and
// load a dozen programs to learn what the kernel can do.
func load(name string, insns asm.Instructions, to tracepoint) (fd int, err error) {
	var text bytes.Buffer
	if err := insns.Marshal(&text, binary.LittleEndian); err != nil {
		return -1, fmt.Errorf("assemble program %s: %w", name, err)
	}
	attr := loadAttr{
		kind: unix.BPF_PROG_TYPE_TRACING, attachType: unix.BPF_TRACE_RAW_TP, attachID: to.id,
		insns: unsafe.Pointer(&text.Bytes()[0]), count: uint32(text.Len() / asm.InstructionSize),
		license: unsafe.Pointer(&license),
	}
	copy(attr.name[:len(attr.name)-1], name)
	if fd, err = attr.load(); err == nil {
		return fd, nil
	}
	log := make([]byte, 1<<18) // the verifier's words, if it was the verifier
	attr.logLevel, attr.logSize, attr.log = 1, uint32(len(log)), unsafe.Pointer(&log[0])
	if fd, again := attr.load(); again == nil {
		return fd, nil
	}
	return -1, fmt.Errorf("load program %s: %w%s", name, err, lastWords(log))
}

func (a *loadAttr) load() (int, error) {
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(a), unsafe.Sizeof(*a))
}

// lastWords are the line in which the verifier says what is wrong: the last
// but the statistics.
func lastWords(log []byte) string {
	log, _, _ = bytes.Cut(log, []byte{0})
	lines := bytes.Split(bytes.TrimSpace(log), []byte{'\n'})
	for i := len(lines) - 1; i >= 0; i-- {
		if line := lines[i]; len(line) > 0 && !bytes.HasPrefix(line, []byte("processed ")) {
			return ": " + string(line)
		}
	}
	return ""
}

// attachAt attaches a program where it was loaded for; to close the
// descriptor is to detach it.
func attachAt(program int) (fd int, err error) {
	attr := struct {
		name    uint64
		program uint32
		_       uint32
	}{program: uint32(program)}
	return bpf(unix.BPF_RAW_TRACEPOINT_OPEN, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

func bpf(cmd int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR: // the verifier gives way to a signal, of which Go's scheduler sends itself some
			continue
		}
		return -1, errno
	}
}
