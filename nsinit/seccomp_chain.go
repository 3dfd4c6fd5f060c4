package nsinit

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// try writes a chain: its rules in turn, and then the default action.
func (p *seccompProgram) try(c *chain) label {
	at := p.ret(p.def)
	for i := len(c.items) - 1; i >= 0; i-- {
		rule, no := &p.rules[c.items[i].rule()], at
		yes := p.ret(rule.action)
		for k := len(rule.conds) - 1; k >= 0; k-- {
			yes = p.test(&rule.conds[k], c.narrow, yes, no)
		}
		at = yes
	}
	return at
}

// test writes one condition. Comparisons are of unsigned numbers.
func (p *seccompProgram) test(c *condition, narrow bool, yes, no label) label {
	op, mask := uint16(unix.BPF_JEQ), ^uint64(0)
	switch c.op {
	case specs.OpNotEqual:
		yes, no = no, yes
	case specs.OpMaskedEqual:
		mask = c.mask
	case specs.OpGreaterThan:
		op = unix.BPF_JGT
	case specs.OpGreaterEqual:
		op = unix.BPF_JGE
	case specs.OpLessEqual:
		op, yes, no = unix.BPF_JGT, no, yes
	case specs.OpLessThan:
		op, yes, no = unix.BPF_JGE, no, yes
	}
	low := dataArgs + 8*uint32(c.index)
	same := p.half(low, op, uint32(c.value), uint32(mask), yes, no)
	if narrow {
		return same
	}
	high, k := low+4, uint32(c.value>>32)
	if op == unix.BPF_JEQ {
		return p.half(high, op, k, uint32(mask>>32), same, no)
	}
	p.jump(unix.BPF_JGT, k, yes, p.jump(unix.BPF_JEQ, k, same, no))
	return p.load(high)
}

// half compares the masked half of an argument to k.
func (p *seccompProgram) half(offset uint32, op uint16, k, mask uint32, yes, no label) label {
	if mask == 0 {
		return yes
	}
	p.jump(op, k, yes, no)
	if mask != ^uint32(0) {
		p.emit(sockFilter{code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, k: mask})
	}
	return p.load(offset)
}
