package nsinit

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h). An argument
// has 64 bits, of which a program loads a half at a time.
const (
	dataNr   = 0
	dataArch = 4
	dataArgs = 16
)

// seccompProgram is the code of a filter, written from its end: jumps of
// classic BPF lead forwards only, so that what one leads to stands already.
type seccompProgram struct {
	*filter
	code    []sockFilter // the last instruction first
	chains  []chain
	returns []label
}

// sockFilter is struct sock_filter (include/uapi/linux/filter.h).
type sockFilter struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// A label is an instruction, counted from the end of the program.
type label int

const nowhere label = -1

// program is the whole filter: which architecture, which number, and for some
// numbers which arguments.
func (f *filter) program(native seccompABI) ([]byte, error) {
	p := &seccompProgram{filter: f, code: make([]sockFilter, 0, 256)}
	other := p.ret(unix.SECCOMP_RET_KILL_THREAD)
	segs := make([]segment, 0, 128)
	switch native {
	case abiX8664:
		if f.abis.has(abiX86) {
			other = p.jump(unix.BPF_JEQ, auditI386, p.search(p.segments(segs, abiX86, 0)), other)
		}
		p.jump(unix.BPF_JEQ, auditX8664, p.search(p.segmentsX8664(segs)), other)
	case abiARM64:
		if f.abis.has(abiARM) {
			other = p.jump(unix.BPF_JEQ, auditARM, p.search(p.segments(segs, abiARM, 0)), other)
		}
		p.jump(unix.BPF_JEQ, auditARM64, p.search(p.segments(segs, abiARM64, 0)), other)
	}
	p.load(dataArch)
	return p.bytes()
}

// segmentsX8664 are those of x86_64 and x32, which are one architecture to
// the kernel. Number -1 is a system call that a tracer has cancelled.
func (p *seccompProgram) segmentsX8664(segs []segment) []segment {
	segs = p.segments(segs, abiX8664, 0)
	if p.abis.has(abiX32) {
		return p.segments(segs, abiX32, x32Bit)
	}
	segs = put(segs, x32Bit, verdict{action: unix.SECCOMP_RET_KILL_THREAD})
	return put(segs, ^uint32(0), verdict{action: p.def})
}

// bytes is the program as the kernel takes it.
func (p *seccompProgram) bytes() ([]byte, error) {
	n := len(p.code)
	if n > unix.BPF_MAXINSNS {
		return nil, fmt.Errorf("linux.seccomp: the filter has %d instructions, and the kernel takes %d", n, unix.BPF_MAXINSNS)
	}
	out := make([]byte, 0, 8*n)
	for i := n - 1; i >= 0; i-- {
		c := &p.code[i]
		out = binary.LittleEndian.AppendUint16(out, c.code)
		out = append(out, c.jt, c.jf)
		out = binary.LittleEndian.AppendUint32(out, c.k)
	}
	return out, nil
}

func (p *seccompProgram) emit(c sockFilter) label {
	p.code = append(p.code, c)
	return label(len(p.code) - 1)
}

// load puts four bytes of struct seccomp_data into the accumulator; the
// instruction that was written last comes next.
func (p *seccompProgram) load(offset uint32) label {
	return p.emit(sockFilter{code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, k: offset})
}

// ret is a return of the action: one that can be reached from here by a
// conditional jump, or a new one.
func (p *seccompProgram) ret(action uint32) label {
	for i := len(p.returns) - 1; i >= 0; i-- {
		if at := p.returns[i]; p.code[at].k == action && p.reaches(at) {
			return at
		}
	}
	at := p.emit(sockFilter{code: unix.BPF_RET | unix.BPF_K, k: action})
	p.returns = append(p.returns, at)
	return at
}

// offset is what a jump that is written next has to skip.
func (p *seccompProgram) offset(to label) int { return len(p.code) - int(to) - 1 }

func (p *seccompProgram) reaches(to label) bool { return p.offset(to) <= 0xff }

// jump compares the accumulator to k. A conditional jump skips 255
// instructions at most; to go farther it takes an unconditional one.
func (p *seccompProgram) jump(op uint16, k uint32, yes, no label) label {
	if p.offset(no) >= 0xff { // there may be one more instruction between
		no = p.far(no)
	}
	if !p.reaches(yes) {
		yes = p.far(yes)
	}
	return p.emit(sockFilter{code: unix.BPF_JMP | unix.BPF_K | op, jt: uint8(p.offset(yes)), jf: uint8(p.offset(no)), k: k})
}

func (p *seccompProgram) far(to label) label {
	return p.emit(sockFilter{code: unix.BPF_JMP | unix.BPF_JA, k: uint32(p.offset(to))})
}

// search finds the segment that the number lies in, by halving.
func (p *seccompProgram) search(segs []segment) label {
	if len(segs) == 1 {
		return p.label(segs[0].to)
	}
	p.node(segs)
	return p.load(dataNr)
}

func (p *seccompProgram) node(segs []segment) label {
	switch n := len(segs); {
	case n == 1:
		return p.label(segs[0].to)
	case n == 3 && segs[0].to == segs[2].to && segs[1].from+1 == segs[2].from:
		return p.jump(unix.BPF_JEQ, segs[1].from, p.label(segs[1].to), p.label(segs[0].to))
	}
	mid := len(segs) / 2
	above := p.node(segs[mid:])
	below := p.node(segs[:mid])
	return p.jump(unix.BPF_JGE, segs[mid].from, above, below)
}

// label is where a verdict is carried out.
func (p *seccompProgram) label(v verdict) label {
	if v.chain == 0 {
		return p.ret(v.action)
	}
	c := &p.chains[v.chain-1]
	if c.at == nowhere {
		c.at = p.try(c)
	}
	return c.at
}
