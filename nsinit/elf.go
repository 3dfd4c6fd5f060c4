package nsinit

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A machine is what the assembler has to know of an architecture.
type machine struct {
	encoder          func() encoder
	elf              uint16 // e_machine
	pageSize         uint64 // the largest that a kernel of it uses
	write, exitGroup int    // system calls of the image itself
}

// The values of <elf.h> that an image needs.
const (
	emX86_64  = 62
	emAArch64 = 183

	ptLoad     = 1
	ptGNUStack = 0x6474e551

	pfX = 1
	pfW = 2
	pfR = 4

	elfHeader     = 64
	programHeader = 56
	headerSize    = elfHeader + 3*programHeader
)

func machineOf(arch string) (machine, error) {
	m := machine{}
	switch arch {
	case "amd64":
		m = machine{encoder: newAMD64, elf: emX86_64, pageSize: 4 << 10}
	case "arm64":
		m = machine{encoder: newARM64, elf: emAArch64, pageSize: 64 << 10}
	default:
		return m, fmt.Errorf("unknown architecture %q", arch)
	}
	m.write, _ = syscallNumber(arch, "write")
	m.exitGroup, _ = syscallNumber(arch, "exit_group")
	return m, nil
}

// executable puts the data, which has the headers in front of it, and the
// code into one ELF file. In memory they keep their offset in a page, as the
// kernel demands, but lie in pages of their own: the data readable and
// writable, the code readable and executable.
func executable(p *program) ([]byte, error) {
	offset := alignUp(p.initialised, 4) // arm64 instructions are aligned
	f := make([]byte, offset, int(offset)+36*len(p.plan.Steps)+256)
	p.fill(f)
	f, err := lower(p, f)
	if err != nil {
		return nil, err
	}
	f, offset = savePage(f, offset)
	entry := alignUp(imageBase+p.size, p.machine.pageSize) + offset%p.machine.pageSize
	p.writeHeader(f[:0], entry)
	segments, page, text := f[:elfHeader], p.machine.pageSize, uint64(len(f))-offset
	segments = appendSegment(segments, ptLoad, pfR|pfW, 0, imageBase, p.initialised, p.size, page)
	segments = appendSegment(segments, ptLoad, pfR|pfX, offset, entry, text, text, page)
	appendSegment(segments, ptGNUStack, pfR|pfW, 0, 0, 0, 0, 16)
	return f, nil
}

// savePage moves the code, which has no address of its own in it, to the next
// page of the file where that spares it one: the page that code and data share
// is mapped twice, and counts twice.
func savePage(f []byte, offset uint64) ([]byte, uint64) {
	const page = 4 << 10
	text := uint64(len(f)) - offset
	if alignUp(offset%page+text, page) == alignUp(text, page) {
		return f, offset
	}
	aligned := alignUp(offset, page)
	return slices.Insert(f, int(offset), make([]byte, aligned-offset)...), aligned
}

// writeHeader writes an Elf64_Ehdr.
func (p *program) writeHeader(b []byte, entry uint64) {
	b = append(b, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"...) // 64-bit, little endian, System V
	b = append16(b, 2, p.machine.elf)                                           // ET_EXEC
	b = append32(b, 1)                                                          // EV_CURRENT
	b = append64(b, entry, elfHeader, 0)                                        // no sections
	b = append32(b, 0)
	append16(b, elfHeader, programHeader, 3, 0, 0, 0)
}

// appendSegment writes an Elf64_Phdr.
func appendSegment(b []byte, kind, flags uint32, offset, addr, filesz, memsz, align uint64) []byte {
	b = append32(b, kind, flags)
	return append64(b, offset, addr, addr, filesz, memsz, align)
}

func append16(b []byte, vs ...uint16) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func append32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func append64(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
