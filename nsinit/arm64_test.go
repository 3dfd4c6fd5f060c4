package nsinit

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

func decodeARM64(b []byte) (string, int, error) {
	in, err := arm64asm.Decode(b)
	return strings.ToLower(in.String()), 4, err
}

// stepARM64 executes an instruction in the model of a processor. It works on
// the disassembler's text, whose operands are easier to read than its types.
func stepARM64(p *processor, code []byte) (int, error) {
	in, err := arm64asm.Decode(code)
	if err != nil {
		return 0, err
	}
	op, rest, _ := strings.Cut(strings.ToLower(arm64asm.GNUSyntax(in)), " ")
	args := strings.Split(strings.ReplaceAll(rest, " ", ""), ",")
	v := make([]uint64, len(args))
	for i, a := range args {
		v[i] = p.valueARM64(a)
	}
	wide := strings.HasPrefix(args[0], "x")
	switch op {
	case "mov":
		p.setARM64(args[0], v[1])
	case "movk":
		s := shiftARM64(args)
		p.setARM64(args[0], v[0]&^(0xffff<<s)|v[1]<<s)
	case "add":
		p.setARM64(args[0], v[1]+v[2])
	case "sub":
		p.setARM64(args[0], v[1]-v[2])
	case "and":
		p.setARM64(args[0], v[1]&v[2])
	case "orr":
		p.setARM64(args[0], v[1]|v[2])
	case "lsl":
		p.setARM64(args[0], v[1]<<(v[2]&31))
	case "lsr":
		p.setARM64(args[0], uint64(uint32(v[1]))>>(v[2]&31))
	case "ldr", "ldrsw":
		w := p.read32(p.addressARM64(args[1:]))
		if op == "ldrsw" {
			w = uint64(int32(w))
		}
		p.setARM64(args[0], w)
	case "str":
		p.write32(p.addressARM64(args[1:]), v[0])
	case "cmp":
		p.subtract(v[0], v[1], wide)
	case "cmn":
		p.subtract(v[0], -v[1], wide)
		p.carry = v[0]+v[1] < v[0]
	case "b", "b.eq", "b.ne", "b.lt", "b.ge", "b.cs":
		taken := map[string]bool{
			"b": true, "b.eq": p.equal, "b.ne": !p.equal, "b.lt": p.less, "b.ge": !p.less, "b.cs": p.carry,
		}
		if taken[op] {
			p.pc += p.valueARM64(strings.TrimPrefix(args[0], ".+")) - 4
		}
	case "svc":
		p.kernel()
	case "brk":
		p.trap = true
	default:
		return 0, fmt.Errorf("unexpected %v", in)
	}
	return 4, nil
}

func shiftARM64(args []string) uint64 {
	if len(args) < 3 {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(args[2], "lsl#"), 0, 8)
	return n
}

// registerARM64 returns the number of a register, or -1.
func registerARM64(a string) int {
	a = strings.Trim(a, "[]")
	if a == "wzr" || a == "xzr" {
		return 31
	}
	if a == "" || a[0] != 'w' && a[0] != 'x' {
		return -1
	}
	n, err := strconv.Atoi(a[1:])
	if err != nil {
		return -1
	}
	return n
}

func (p *processor) setARM64(reg string, v uint64) {
	if reg[0] == 'w' {
		v = uint64(uint32(v))
	}
	p.regs[registerARM64(reg)] = v
}

func (p *processor) valueARM64(a string) uint64 {
	if n := registerARM64(a); n >= 0 {
		return p.regs[n]
	}
	a = strings.Trim(a, "#[]")
	if n, err := strconv.ParseInt(a, 0, 64); err == nil {
		return uint64(n)
	}
	n, _ := strconv.ParseUint(a, 0, 64)
	return n
}

func (p *processor) addressARM64(args []string) uint64 {
	addr := p.valueARM64(args[0])
	if len(args) > 1 {
		addr += p.valueARM64(args[1])
	}
	return addr
}
