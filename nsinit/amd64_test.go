package nsinit

import (
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

func decodeAMD64(b []byte) (string, int, error) {
	in, err := x86asm.Decode(b, 64)
	return x86asm.IntelSyntax(in, 0, nil), in.Len, err
}

// stepAMD64 executes an instruction in the model of a processor.
func stepAMD64(p *processor, code []byte) (int, error) {
	in, err := x86asm.Decode(code, 64)
	if err != nil {
		return 0, err
	}
	a, b := in.Args[0], in.Args[1]
	if imm, ok := b.(x86asm.Imm); ok && in.Len < 10 {
		b = x86asm.Imm(int32(imm)) // of 32 bits or fewer: sign-extended, which the decoder leaves to do
	}
	dst, wide := registerAMD64(a)
	switch in.Op {
	case x86asm.MOV, x86asm.MOVSXD:
		v := p.valueAMD64(b, in.Op == x86asm.MOVSXD || wide)
		if m, ok := a.(x86asm.Mem); ok {
			p.write32(p.addressAMD64(m), v)
			break
		}
		p.setAMD64(dst, wide, v)
	case x86asm.LEA:
		p.setAMD64(dst, wide, p.addressAMD64(b.(x86asm.Mem)))
	case x86asm.XOR:
		p.setAMD64(dst, wide, p.regs[dst]^p.valueAMD64(b, wide))
	case x86asm.ADD:
		p.setAMD64(dst, wide, p.regs[dst]+p.valueAMD64(b, wide))
	case x86asm.SUB:
		p.setAMD64(dst, wide, p.regs[dst]-p.valueAMD64(b, wide))
	case x86asm.DEC:
		p.setAMD64(dst, wide, p.regs[dst]-1)
	case x86asm.OR:
		p.setAMD64(dst, wide, p.regs[dst]|p.valueAMD64(b, wide))
	case x86asm.AND:
		p.setAMD64(dst, wide, p.regs[dst]&p.valueAMD64(b, wide))
	case x86asm.SHL:
		p.setAMD64(dst, wide, p.regs[dst]<<(p.valueAMD64(b, wide)&31))
	case x86asm.SHR:
		p.setAMD64(dst, wide, uint64(uint32(p.regs[dst]))>>(p.valueAMD64(b, wide)&31))
	case x86asm.CMP:
		p.subtract(p.regs[dst], p.valueAMD64(b, wide), wide)
	case x86asm.JE, x86asm.JNE, x86asm.JL, x86asm.JGE, x86asm.JA, x86asm.JMP:
		taken := map[x86asm.Op]bool{
			x86asm.JE: p.equal, x86asm.JNE: !p.equal, x86asm.JL: p.less, x86asm.JGE: !p.less,
			x86asm.JA: p.carry && !p.equal, x86asm.JMP: true,
		}
		if taken[in.Op] {
			p.pc += uint64(int64(a.(x86asm.Rel)))
		}
	case x86asm.SYSCALL:
		p.regs[rcx], p.regs[11] = p.pc+2, 0x202
		p.kernel()
	case x86asm.UD1, x86asm.UD2:
		p.trap = true
	default:
		return 0, fmt.Errorf("unexpected %v", in)
	}
	return in.Len, nil
}

func registerAMD64(a x86asm.Arg) (n byte, wide bool) {
	r, ok := a.(x86asm.Reg)
	switch {
	case ok && r >= x86asm.RAX && r <= x86asm.R15:
		return byte(r - x86asm.RAX), true
	case ok && r >= x86asm.EAX && r <= x86asm.R15L:
		return byte(r - x86asm.EAX), false
	}
	return rcx, false // CL
}

func (p *processor) setAMD64(reg byte, wide bool, v uint64) {
	if !wide {
		v = uint64(uint32(v))
	}
	p.regs[reg] = v
}

func (p *processor) addressAMD64(m x86asm.Mem) uint64 {
	n, _ := registerAMD64(m.Base)
	return p.regs[n] + uint64(m.Disp)
}

func (p *processor) valueAMD64(a x86asm.Arg, signed bool) uint64 {
	switch a := a.(type) {
	case x86asm.Imm:
		return uint64(a)
	case x86asm.Mem:
		v := p.read32(p.addressAMD64(a))
		if signed {
			return uint64(int32(v))
		}
		return v
	}
	n, _ := registerAMD64(a)
	return p.regs[n]
}
