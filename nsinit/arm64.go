package nsinit

import "encoding/binary"

// The registers of arm64 that the image uses besides the arguments in x0 to x5.
const (
	x0       = 0
	xNumber  = 8  // of the system call
	xOperand = 9  // scratch
	xAddress = 10 // scratch
	xCells   = 19 // address of the first cell
	xBack    = 20 // steps counted back
)

// arm64 has instructions of one size, so it writes for few. A system call
// changes x0 only, so what the others hold is known from one to the next.
type arm64 struct {
	codeBuffer
	registers
}

func newARM64() encoder { return &arm64{} }

func (e *arm64) begin(data uint64) {
	e.set(xCells, data)
	e.fixed = e.known
	e.emit(0x52800000 | xBack) // mov w20, #0
}

func (e *arm64) arg(i int, o operand) {
	reg := x0 + byte(i)
	if !o.cell {
		e.set(reg, o.v)
		return
	}
	e.lose(reg)
	e.memory(0xb9800000, reg, o.v) // ldrsw
}

func (e *arm64) syscall(nr int) {
	e.set(xNumber, uint64(nr))
	e.emit(0xd4000001) // svc #0
	e.lose(x0)
}

func (e *arm64) load(o operand) { e.load32(x0, o) }

func (e *arm64) load32(reg byte, o operand) {
	if !o.cell {
		e.set(reg, uint64(uint32(o.v)))
		return
	}
	e.lose(reg)
	e.memory(0xb9400000, reg, o.v) // ldr
}

func (e *arm64) apply(fn Fn, o operand) {
	e.load32(xOperand, o)
	e.lose(x0)
	switch fn {
	case Add:
		e.emit(0x0b000000 | xOperand<<16)
	case Sub:
		e.emit(0x4b000000 | xOperand<<16)
	case And:
		e.emit(0x0a000000 | xOperand<<16)
	case Or:
		e.emit(0x2a000000 | xOperand<<16)
	case Shl:
		e.emit(0x1ac02000 | xOperand<<16) // lsl; the count is taken modulo 32
	case Shr:
		e.emit(0x1ac02400 | xOperand<<16)
	}
}

func (e *arm64) store(addr uint64) { e.memory(0xb9000000, x0, addr) }

func (e *arm64) compare(o operand) {
	if v := int64(int32(o.v)); !o.cell && -4096 < v && v < 4096 {
		e.compareSmall(0, v)
		return
	}
	e.load32(xOperand, o)
	e.emit(0x6b00001f | xOperand<<16) // cmp w0, w9
}

func (e *arm64) compareResult(v int64) { e.compareSmall(1<<31, v) }

// compareSmall compares w0, or x0 if wide is bit 31, with |v| < 4096.
func (e *arm64) compareSmall(wide uint32, v int64) {
	if v < 0 {
		e.emit(0x3100001f | wide | uint32(-v)<<10) // cmn
		return
	}
	e.emit(0x7100001f | wide | uint32(v)<<10) // cmp
}

// compareErrors adds 4095, which carries for the errors and nothing else.
func (e *arm64) compareErrors() { e.compareResult(-maxErrno) }

func (e *arm64) countBack(n int) {
	for ; n > 0; n -= 4095 {
		e.emit(0x11000000 | uint32(min(n, 4095))<<10 | xBack<<5 | xBack) // add w20, w20, #n
	}
}

func (e *arm64) storeStep(addr uint64, last int) {
	e.set(xOperand, uint64(last))
	e.lose(xOperand)
	e.emit(0x4b000000 | xBack<<16 | xOperand<<5 | xOperand) // sub w9, w9, w20
	e.memory(0xb9000000, xOperand, addr)
}

func (e *arm64) trap() { e.emit(0xd4200000) } // brk #0

// set loads a constant by as few instructions as do.
func (e *arm64) set(reg byte, v uint64) {
	if e.has(reg, v) {
		return
	}
	from, disp, near := e.near(v, -4095, 4095)
	if m := movesFor(v); m.count == 1 || !near {
		e.move(reg, v, m)
	} else {
		e.addSmall(reg, from, disp)
	}
	e.learn(reg, v)
}

// addSmall sets x[reg] = x[from] + v, |v| < 4096.
func (e *arm64) addSmall(reg, from byte, v int64) {
	if v < 0 {
		e.emit(0xd1000000 | uint32(-v)<<10 | uint32(from)<<5 | uint32(reg)) // sub
		return
	}
	e.emit(0x91000000 | uint32(v)<<10 | uint32(from)<<5 | uint32(reg)) // add
}

// move sets 16 bits and all others to 0 (movz) or 1 (movn), and mends those
// of the others that differ (movk).
func (e *arm64) move(reg byte, v uint64, m moves) {
	op := uint32(0x52800000) // movz
	if m.fill != 0 {
		op = 0x12800000 // movn
	}
	left := m.count
	for i := range m.pieces {
		piece := uint16(v >> (16 * i))
		if piece == m.fill && !m.uniform {
			continue
		}
		if left == m.count {
			piece ^= m.fill
		}
		e.emit(m.wide | op | uint32(i)<<21 | uint32(piece)<<5 | uint32(reg))
		op = 0x72800000 // movk
		if left--; left == 0 {
			return
		}
	}
}

// moves is how move loads a constant.
type moves struct {
	wide    uint32 // bit 31: into an x register, not a w register
	pieces  int    // of 16 bits
	fill    uint16 // the piece that needs no instruction of its own
	uniform bool   // unless all pieces are it
	count   int    // of instructions
}

func movesFor(v uint64) moves {
	m := moves{pieces: 2}
	if v>>32 != 0 {
		m = moves{pieces: 4, wide: 1 << 31}
	}
	zeros, ones := 0, 0
	for i := range m.pieces {
		switch uint16(v >> (16 * i)) {
		case 0:
			zeros++
		case 0xffff:
			ones++
		}
	}
	if ones > zeros {
		m.fill = 0xffff
	}
	m.count = m.pieces - max(ones, zeros)
	if m.uniform = m.count == 0; m.uniform {
		m.count = 1
	}
	return m
}

// memory is an instruction on w[reg] and the 32 bits at an address.
func (e *arm64) memory(op uint32, reg byte, addr uint64) {
	base, off := byte(xCells), addr-e.holds[xCells]
	if off%4 != 0 || off/4 > 4095 {
		e.set(xAddress, addr)
		base, off = xAddress, 0
	}
	e.emit(op | uint32(off/4)<<10 | uint32(base)<<5 | uint32(reg))
}

func (e *arm64) emit(insn uint32) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, insn)
}

// islandAfter: conditional jumps reach 1 MiB.
func (e *arm64) islandAfter() int { return 0 }

func (e *arm64) jumpSize(cond, bool) int { return 4 }

func (e *arm64) fits(disp int, long bool) bool {
	return -1<<20 <= disp && disp < 1<<20
}

func (e *arm64) appendJump(b []byte, c cond, long bool, disp int) []byte {
	insn := 0x14000000 | uint32(disp/4)&(1<<26-1) // b
	if c != always {
		cc := [...]uint32{equal: 0x0, notEqual: 0x1, less: 0xb, greaterEqual: 0xa, failed: 0x2}[c]
		insn = 0x54000000 | uint32(disp/4)&(1<<19-1)<<5 | cc
	}
	return binary.LittleEndian.AppendUint32(b, insn)
}
