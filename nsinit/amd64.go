package nsinit

import (
	"encoding/binary"
	"math"
)

// The registers of amd64, by their numbers in instructions.
const (
	rax, rcx, rdx, rbx = 0, 1, 2, 3
	rbp, rsi, rdi      = 5, 6, 7
	r8, r9, r10        = 8, 9, 10
	r12, r13           = 12, 13
)

// amd64 writes for size: where a displacement of 8 bits from a known register
// does, an instruction has 3 or 4 bytes, with a constant of 32 bits 5 to 7.
// System calls clobber nothing but rax, rcx and r11, so what the others hold
// is known from one call to the next, and some are anchors for the whole plan.
type amd64 struct {
	codeBuffer
	registers
}

// What the anchors hold. There are two more: rbx holds the address of the
// first cell + 128, and r12 -4096: what is above it, unsigned, is an error.
const (
	smallNumbers = 28  // in rbp; 8 bits reach from AT_FDCWD (-100) to 155
	lateSyscalls = 384 // in r13; 8 bits reach from 256 to 511
)

var amd64Args = [6]byte{rdi, rsi, rdx, r10, r8, r9}

func newAMD64() encoder { return &amd64{} }

func (e *amd64) begin(data uint64) {
	e.set(rbx, data+128)
	e.set(rbp, smallNumbers)
	e.set(r13, lateSyscalls)
	e.fixed = e.known
	e.emit(0x49, 0xc7, 0xc4).emit32(-4096 & math.MaxUint32) // mov r12, -4096
}

func (e *amd64) arg(i int, o operand) {
	reg := amd64Args[i]
	if !o.cell {
		e.set(reg, o.v)
		return
	}
	e.lose(reg)
	e.memory(true, 0x63, reg, o.v) // movsxd
}

func (e *amd64) syscall(nr int) {
	e.set(rax, uint64(nr))
	e.emit(0x0f, 0x05)
	e.lose(rax)
}

func (e *amd64) load(o operand) {
	if !o.cell {
		e.set(rax, uint64(uint32(o.v)))
		return
	}
	e.lose(rax)
	e.memory(false, 0x8b, rax, o.v)
}

func (e *amd64) apply(fn Fn, o operand) {
	e.lose(rax)
	switch fn {
	case Shl:
		e.shift(4, o)
	case Shr:
		e.shift(5, o)
	case Add:
		e.arithmetic(0, o)
	case Sub:
		e.arithmetic(5, o)
	case Or:
		e.arithmetic(1, o)
	case And:
		e.arithmetic(4, o)
	}
}

func (e *amd64) store(addr uint64) { e.memory(false, 0x89, rax, addr) }

func (e *amd64) compare(o operand) { e.arithmetic(7, o) }

func (e *amd64) compareResult(v int64) {
	e.emit(0x48)
	e.immediate(7, rax, int32(v))
}

func (e *amd64) compareErrors() { e.emit(0x4c, 0x39, 0xe0) } // cmp rax, r12

// countBack counts in rbp, which no failed step needs as an anchor.
func (e *amd64) countBack(n int) {
	if n == 1 {
		e.emit(0xff, 0xcd) // dec ebp
		return
	}
	e.immediate(5, rbp, int32(n)) // sub
}

func (e *amd64) storeStep(addr uint64, last int) {
	e.lose(rbp)
	e.emit(0x8d, 0x8d).emit32(uint32(last - smallNumbers)) // lea ecx, [rbp+disp32]
	e.memory(false, 0x89, rcx, addr)
}

func (e *amd64) trap() { e.emit(0x0f, 0x0b) } // ud2

// set loads a constant by the shortest instruction that does.
func (e *amd64) set(reg byte, v uint64) {
	if e.has(reg, v) {
		return
	}
	wide := v > math.MaxUint32
	from, disp, near := e.near(v, math.MinInt8, math.MaxInt8)
	switch {
	case v == 0:
		e.rex(false, reg, reg).emit(0x31, 0xc0|reg&7<<3|reg&7) // xor
	case near && disp == 0:
		e.rex(wide, from, reg).emit(0x89, 0xc0|from&7<<3|reg&7) // mov
	case near:
		e.rex(wide, reg, from).emit(0x8d, 0x40|reg&7<<3|from&7, byte(disp)) // lea
	case !wide:
		e.rex(false, 0, reg).emit(0xb8 | reg&7).emit32(uint32(v)) // mov
	case int64(v) == int64(int32(v)):
		e.rex(true, 0, reg).emit(0xc7, 0xc0|reg&7).emit32(uint32(v)) // mov, sign-extended
	default:
		e.rex(true, 0, reg).emit(0xb8 | reg&7)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, v) // movabs
	}
	e.learn(reg, v)
}

// arithmetic works on eax; n is the number of the operation among those that
// Intel's manual calls "immediate group 1".
func (e *amd64) arithmetic(n byte, o operand) {
	if o.cell {
		e.memory(false, n<<3|3, rax, o.v)
		return
	}
	e.immediate(n, rax, int32(uint32(o.v)))
}

// immediate is arithmetic on reg, one of the first eight, with a constant.
func (e *amd64) immediate(n, reg byte, v int32) {
	switch {
	case v == int32(int8(v)):
		e.emit(0x83, 0xc0|n<<3|reg, byte(v))
	case reg == rax:
		e.emit(n<<3 | 5).emit32(uint32(v))
	default:
		e.emit(0x81, 0xc0|n<<3|reg).emit32(uint32(v))
	}
}

// shift works on eax; the processor takes the count modulo 32.
func (e *amd64) shift(n byte, o operand) {
	if o.cell {
		e.memory(false, 0x8b, rcx, o.v)
		e.emit(0xd3, 0xc0|n<<3)
		return
	}
	e.emit(0xc1, 0xc0|n<<3, byte(o.v&31))
}

// memory is an instruction on reg and the data at an address, seen from rbx.
func (e *amd64) memory(wide bool, op, reg byte, addr uint64) {
	disp := int64(addr - e.holds[rbx])
	e.rex(wide, reg, rbx).emit(op)
	if disp == int64(int8(disp)) {
		e.emit(0x40|reg&7<<3|rbx, byte(disp))
		return
	}
	e.emit(0x80 | reg&7<<3 | rbx).emit32(uint32(disp))
}

// rex writes the prefix for a 64-bit operand or a register from r8 on, if
// either is there. reg is the field of that name in the ModRM byte, rm the other.
func (e *amd64) rex(wide bool, reg, rm byte) *amd64 {
	prefix := byte(0x40) | reg>>3<<2 | rm>>3
	if wide {
		prefix |= 8
	}
	if prefix != 0x40 {
		e.emit(prefix)
	}
	return e
}

func (e *amd64) emit(b ...byte) *amd64 {
	e.buf = append(e.buf, b...)
	return e
}

func (e *amd64) emit32(v uint32) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

// islandAfter leaves room, of the 127 bytes that a short jump reaches, for
// the step that comes next and for the entries before the last one.
func (e *amd64) islandAfter() int { return 70 }

func (e *amd64) jumpSize(c cond, long bool) int {
	switch {
	case !long:
		return 2
	case c == always:
		return 5
	}
	return 6
}

func (e *amd64) fits(disp int, long bool) bool {
	disp -= 2
	return long || disp == int(int8(disp))
}

func (e *amd64) appendJump(b []byte, c cond, long bool, disp int) []byte {
	disp -= e.jumpSize(c, long)
	cc := [...]byte{equal: 0x4, notEqual: 0x5, less: 0xc, greaterEqual: 0xd, failed: 0x7}[c]
	switch {
	case c == always && !long:
		return append(b, 0xeb, byte(disp))
	case c == always:
		b = append(b, 0xe9)
	case !long:
		return append(b, 0x70|cc, byte(disp))
	default:
		b = append(b, 0x0f, 0x80|cc)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(disp))
}
