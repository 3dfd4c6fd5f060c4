package cgroups

import (
	"golang.org/x/sys/unix"
)

// Version 2 has no devices files; a BPF program of type CGROUP_DEVICE decides
// instead. It gets a struct bpf_cgroup_dev_ctx (linux/bpf.h),
//
//	__u32 access_type  // access << 16 | type
//	__u32 major
//	__u32 minor
//
// and returns 1 to allow. The program tries the exceptions one after another:
//
//	r2 = type, r3 = access, r4 = major, r5 = minor
//	next exception: if it does not match, go to the next; else r0 = !default, exit
//	r0 = default, exit

// An insn is one instruction of eBPF (Documentation/bpf/standardization/instruction-set.rst).
type insn struct {
	code     uint8
	dst, src uint8
	off      int16 // of a jump, from the instruction after it
	imm      int32
}

const (
	r0, r1, r2, r3, r4, r5 = 0, 1, 2, 3, 4, 5

	loadWord = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	mov      = unix.BPF_ALU | unix.BPF_MOV | unix.BPF_K // all arithmetic is of 32 bits
	movReg   = unix.BPF_ALU | unix.BPF_MOV | unix.BPF_X
	and      = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	shiftR   = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	jumpEq   = unix.BPF_JMP32 | unix.BPF_JEQ | unix.BPF_K // 32 bits, as numbers may exceed the sign bit of imm
	jumpNe   = unix.BPF_JMP32 | unix.BPF_JNE | unix.BPF_K
	exit     = unix.BPF_JMP | unix.BPF_EXIT
)

// program returns the eBPF program that decides as l does.
func (l *deviceList) program() []insn {
	p := []insn{
		{code: loadWord, dst: r2, src: r1, off: 0},
		{code: movReg, dst: r3, src: r2},
		{code: and, dst: r2, imm: 0xffff},
		{code: shiftR, dst: r3, imm: 16},
		{code: loadWord, dst: r4, src: r1, off: 4},
		{code: loadWord, dst: r5, src: r1, off: 8},
	}
	for _, e := range l.exceptions {
		p = append(p, e.block(l.allow)...)
	}
	return append(p, verdict(l.allow)...)
}

// block is the test of one exception to a default.
func (e exception) block(allow bool) []insn {
	kind := int32(unix.BPF_DEVCG_DEV_CHAR)
	if e.kind == 'b' {
		kind = unix.BPF_DEVCG_DEV_BLOCK
	}
	p := []insn{{code: jumpNe, dst: r2, imm: kind}}
	if e.major != anyNumber {
		p = append(p, insn{code: jumpNe, dst: r4, imm: int32(uint32(e.major))})
	}
	if e.minor != anyNumber {
		p = append(p, insn{code: jumpNe, dst: r5, imm: int32(uint32(e.minor))})
	}
	p = append(p, insn{code: movReg, dst: r1, src: r3})
	if allow { // any of the access is too much
		p = append(p, insn{code: and, dst: r1, imm: int32(e.access)}, insn{code: jumpEq, dst: r1})
	} else { // all of the access has to be granted
		p = append(p, insn{code: and, dst: r1, imm: int32(accessAll &^ e.access)}, insn{code: jumpNe, dst: r1})
	}
	p = append(p, verdict(!allow)...)
	for i := range p[:len(p)-2] {
		if c := p[i].code; c == jumpNe || c == jumpEq {
			p[i].off = int16(len(p) - i - 1)
		}
	}
	return p
}

func verdict(allow bool) []insn {
	result := insn{code: mov, dst: r0}
	if allow {
		result.imm = 1
	}
	return []insn{result, {code: exit}}
}
