package nsinit

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// A machine's processor, as far as images use it, so that what an image does
// can be seen in full and on any machine: every system call with all of its
// arguments. The instructions are decoded by golang.org/x/arch.
type processor struct {
	decode             func(p *processor, insn []byte) (size int, err error) // executes it as well
	regs               [32]uint64
	equal, less, carry bool // of the last comparison
	pc                 uint64
	text               []byte
	base               uint64 // of text
	data               Memory
	trap               bool
	kernel             func() // at a system call
}

// load reads an ELF file as the kernel does.
func load(file []byte) (*processor, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	p := &processor{pc: f.Entry}
	for _, s := range f.Progs {
		mem := make([]byte, s.Memsz)
		if _, err := s.ReadAt(mem[:s.Filesz], 0); err != nil && s.Filesz > 0 {
			return nil, err
		}
		switch {
		case s.Type != elf.PT_LOAD:
		case s.Flags&elf.PF_X != 0:
			p.text, p.base = mem, s.Vaddr
		default:
			p.data = mem
		}
	}
	p.decode = map[elf.Machine]func(*processor, []byte) (int, error){
		elf.EM_X86_64: stepAMD64, elf.EM_AARCH64: stepARM64,
	}[f.Machine]
	return p, nil
}

// step executes one instruction.
func (p *processor) step() error {
	off := p.pc - p.base
	if off >= uint64(len(p.text)) {
		return fmt.Errorf("pc %#x is outside the code", p.pc)
	}
	at := p.pc
	n, err := p.decode(p, p.text[off:])
	if err != nil {
		return fmt.Errorf("pc %#x: %w", at, err)
	}
	p.pc += uint64(n)
	return nil
}

func (p *processor) read32(addr uint64) uint64 {
	return uint64(binary.LittleEndian.Uint32(p.data.Bytes(addr, 4)))
}

func (p *processor) write32(addr, v uint64) {
	binary.LittleEndian.PutUint32(p.data.Bytes(addr, 4), uint32(v))
}

// subtract sets the flags to those of a - b; carry is that there is no borrow.
func (p *processor) subtract(a, b uint64, wide bool) {
	if !wide {
		a, b = uint64(int64(int32(a))), uint64(int64(int32(b)))
	}
	p.equal, p.less = a == b, int64(a) < int64(b)
	p.carry = a >= b
}
