package cgroups

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The two commands of bpf(2) that a device program takes. An attr may be
// shorter than the kernel's union bpf_attr; what is missing counts as zero.

// encode lays the program out as the kernel's struct bpf_insn, in which the
// two registers share a byte in the order of the machine's bit fields: the
// destination is the low half on little-endian machines, which all are that
// minirun is built for.
func encode(program []insn) []byte {
	b := make([]byte, 0, 8*len(program))
	for _, i := range program {
		b = append(b, i.code, i.src<<4|i.dst,
			byte(i.off), byte(uint16(i.off)>>8),
			byte(i.imm), byte(i.imm>>8), byte(i.imm>>16), byte(uint32(i.imm)>>24))
	}
	return b
}

// loadProgram hands a program of type CGROUP_DEVICE to the kernel's verifier
// and returns its file descriptor.
func loadProgram(program []insn) (int, error) {
	code, license := encode(program), []byte("Apache-2.0\x00")
	var pinned runtime.Pinner // the kernel gets these addresses as numbers
	defer pinned.Unpin()
	pinned.Pin(&code[0])
	pinned.Pin(&license[0])
	attr := struct {
		progType, insnCount   uint32
		insns, license        uint64
		logLevel, logSize     uint32
		logBuf                uint64
		kernVersion, progFlag uint32
	}{
		progType:  unix.BPF_PROG_TYPE_CGROUP_DEVICE,
		insnCount: uint32(len(program)),
		insns:     uint64(uintptr(unsafe.Pointer(&code[0]))),
		license:   uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err == nil || err == unix.EPERM {
		return fd, err
	}
	log := make([]byte, 64<<10) // once more, for the verifier's reason
	pinned.Pin(&log[0])
	attr.logLevel, attr.logSize, attr.logBuf = 1, uint32(len(log)), uint64(uintptr(unsafe.Pointer(&log[0])))
	if fd, again := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); again == nil {
		return fd, nil
	}
	if reason := strings.TrimRight(unix.ByteSliceToString(log), "\n"); reason != "" {
		return -1, fmt.Errorf("%w: %s", err, strings.ReplaceAll(reason, "\n", "; "))
	}
	return -1, err
}

// attachProgram makes a program decide on the devices of a group. Programs of
// groups below may be added, and can only take away (BPF_F_ALLOW_MULTI); the
// same holds of one that is attached here already.
func attachProgram(group, program int) error {
	attr := struct{ target, program, attachType, flags uint32 }{
		uint32(group), uint32(program), unix.BPF_CGROUP_DEVICE, unix.BPF_F_ALLOW_MULTI,
	}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// bpf returns the descriptor that some commands result in. The verifier gives
// up with EAGAIN when a signal arrives, which in a Go process is any time.
func bpf(cmd uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	const attempts = 100
	for i := 1; ; i++ {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		switch {
		case errno == 0:
			return int(fd), nil
		case errno != unix.EINTR && errno != unix.EAGAIN || i == attempts:
			return -1, errno
		}
	}
}
