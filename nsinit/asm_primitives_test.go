package nsinit

import (
	"math/rand/v2"
	"strings"
	"testing"
)

const testCells = 0x400100 // so that rbx is 0x400180

// disassembled is what emit adds to a fresh encoder's code, without begin.
func disassembled(t *testing.T, e encoder, decode func([]byte) (string, int, error), emit func(encoder)) string {
	t.Helper()
	e.begin(testCells)
	c := e.code()
	c.buf = c.buf[:0]
	emit(e)
	var lines []string
	for b := c.buf; len(b) > 0; {
		s, n, err := decode(b)
		if err != nil {
			t.Fatalf("% x: %v", b, err)
		}
		lines = append(lines, s)
		b = b[n:]
	}
	return strings.Join(lines, "; ")
}

// A primitive and its expected text for each architecture.
type primitive struct {
	name         string
	emit         func(encoder)
	amd64, arm64 string
}

func cellAt(addr uint64) operand { return operand{v: addr, cell: true} }

func loadArg(i int, v uint64) func(encoder) {
	return func(e encoder) { e.arg(i, number(v)) }
}

func TestPrimitives(t *testing.T) {
	for _, p := range primitives {
		t.Run(p.name, func(t *testing.T) {
			if got := disassembled(t, newAMD64(), decodeAMD64, p.emit); got != p.amd64 {
				t.Errorf("amd64: got  %q\nwant %q", got, p.amd64)
			}
			if got := disassembled(t, newARM64(), decodeARM64, p.emit); got != p.arm64 {
				t.Errorf("arm64: got  %q\nwant %q", got, p.arm64)
			}
		})
	}
}

// Whatever the registers are known to hold, a constant arrives whole, in the
// register that it is meant for, and nothing else is disturbed.
func TestConstantsArrive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, arch := range arches {
		m, err := machineOf(arch)
		if err != nil {
			t.Fatal(err)
		}
		regs := amd64Args[:]
		if arch == "arm64" {
			regs = []byte{0, 1, 2, 3, 4, 5}
		}
		for range 2000 {
			e := m.encoder()
			e.begin(imageBase + headerSize)
			var want [6]uint64
			for range 12 {
				i := r.IntN(6)
				want[i] = constant(r).V
				e.arg(i, number(want[i]))
			}
			e.trap()
			cpu := &processor{text: e.code().buf, decode: stepAMD64}
			if arch == "arm64" {
				cpu.decode = stepARM64
			}
			for !cpu.trap {
				if err := cpu.step(); err != nil {
					t.Fatal(err)
				}
			}
			for i, reg := range regs {
				if cpu.regs[reg] != want[i] {
					t.Fatalf("%s: argument %d is %#x, want %#x", arch, i, cpu.regs[reg], want[i])
				}
			}
		}
	}
}

// Every primitive, at the edges of its encodings.
var primitives = []primitive{
	{"arg 0", loadArg(0, 0),
		"xor edi, edi",
		"mov w0, #0x0"},
	{"arg 1", loadArg(1, 1),
		"lea esi, ptr [rbp-0x1b]",
		"mov w1, #0x1"},
	{"arg small end", loadArg(2, 155),
		"lea edx, ptr [rbp+0x7f]",
		"mov w2, #0x9b"},
	{"arg beyond small", loadArg(2, 156),
		"mov edx, 0x9c",
		"mov w2, #0x9c"},
	{"arg AT_FDCWD", loadArg(0, 1<<64-100),
		"lea rdi, ptr [rbp-0x80]",
		"mov x0, #0xffffffffffffff9c"},
	{"arg -1", loadArg(3, 1<<64-1),
		"lea r10, ptr [rbp-0x1d]",
		"mov x3, #0xffffffffffffffff"},
	{"arg -101", loadArg(4, 1<<64-101),
		"mov r8, -0x65",
		"mov x4, #0xffffffffffffff9b"},
	{"arg 0x7fffffff", loadArg(5, 0x7fffffff),
		"mov r9d, 0x7fffffff",
		"mov w5, #0x7fffffff"},
	{"arg 0x80000000", loadArg(0, 0x80000000),
		"mov edi, -0x80000000",
		"mov w0, #0x80000000"},
	{"arg 0xffffffff", loadArg(3, 0xffffffff),
		"mov r10d, -0x1",
		"mov w3, #0xffffffff"},
	{"arg -2^31", loadArg(1, 1<<64-1<<31),
		"mov rsi, -0x80000000",
		"mov x1, #0xffffffffffff0000; movk x1, #0x8000, lsl #16"},
	{"arg -2^31-1", loadArg(1, 1<<64-1<<31-1),
		"mov rsi, 0xffffffff7fffffff",
		"mov x1, #0xffffffff7fffffff"},
	{"arg 2^32", loadArg(4, 1<<32),
		"mov r8, 0x100000000",
		"mov x4, #0x100000000"},
	{"arg 64 bits", loadArg(5, 0x0123456789abcdef),
		"mov r9, 0x123456789abcdef",
		"mov x5, #0xcdef; movk x5, #0x89ab, lsl #16; movk x5, #0x4567, lsl #32; movk x5, #0x123, lsl #48"},
	{"arg negative 64 bits", loadArg(0, 0xfedcba98ffff7654),
		"mov rdi, 0xfedcba98ffff7654",
		"mov x0, #0xffffffffffff7654; movk x0, #0xba98, lsl #32; movk x0, #0xfedc, lsl #48"},
	{"arg 2^63", loadArg(0, 1<<63),
		"mov rdi, 0x8000000000000000",
		"mov x0, #0x8000000000000000"},
	{"arg address near", loadArg(0, 0x400104),
		"lea edi, ptr [rbx-0x7c]",
		"add x0, x19, #0x4"},
	{"arg address far", loadArg(0, 0x412345),
		"mov edi, 0x412345",
		"mov w0, #0x2345; movk w0, #0x41, lsl #16"},
	{"arg again", func(e encoder) { e.arg(1, number(0x12345)); e.syscall(0); e.arg(1, number(0x12345)) },
		"mov esi, 0x12345; xor eax, eax; syscall",
		"mov w1, #0x2345; movk w1, #0x1, lsl #16; mov w8, #0x0; svc #0x0"},
	{"arg first again", func(e encoder) { e.arg(0, number(0x12345)); e.syscall(0); e.arg(0, number(0x12345)) },
		"mov edi, 0x12345; xor eax, eax; syscall",
		"mov w0, #0x2345; movk w0, #0x1, lsl #16; mov w8, #0x0; svc #0x0; mov w0, #0x2345; movk w0, #0x1, lsl #16"},
	{"arg forgotten", func(e encoder) { e.arg(1, number(0x12345)); e.forget(); e.arg(1, number(0x12345)) },
		"mov esi, 0x12345; mov esi, 0x12345",
		"mov w1, #0x2345; movk w1, #0x1, lsl #16; mov w1, #0x2345; movk w1, #0x1, lsl #16"},
	{"arg copied", func(e encoder) { e.arg(4, number(0x12345)); e.arg(1, number(0x12345)) },
		"mov r8d, 0x12345; mov esi, r8d",
		"mov w4, #0x2345; movk w4, #0x1, lsl #16; add x1, x4, #0x0"},
	{"arg by a neighbour", func(e encoder) { e.arg(1, number(0x12345)); e.arg(5, number(0x123c4)); e.arg(0, number(0x12344)) },
		"mov esi, 0x12345; lea r9d, ptr [rsi+0x7f]; lea edi, ptr [rsi-0x1]",
		"mov w1, #0x2345; movk w1, #0x1, lsl #16; add x5, x1, #0x7f; sub x0, x1, #0x1"},
	{"arg copied wide", func(e encoder) { e.arg(1, number(0x123456789)); e.arg(0, number(0x123456789)) },
		"mov rsi, 0x123456789; mov rdi, rsi",
		"mov x1, #0x6789; movk x1, #0x2345, lsl #16; movk x1, #0x1, lsl #32; add x0, x1, #0x0"},
	{"arg cell", func(e encoder) { e.arg(0, cellAt(0x400100)); e.arg(3, cellAt(0x4001fc)) },
		"movsxd rdi, dword ptr [rbx-0x80]; movsxd r10, dword ptr [rbx+0x7c]",
		"ldrsw x0, [x19]; ldrsw x3, [x19,#252]"},
	{"arg cell far", func(e encoder) { e.arg(1, cellAt(0x400204)); e.arg(4, cellAt(0x410100)) },
		"movsxd rsi, dword ptr [rbx+0x84]; movsxd r8, dword ptr [rbx+0xff80]",
		"ldrsw x1, [x19,#260]; mov w10, #0x100; movk w10, #0x41, lsl #16; ldrsw x4, [x10]"},
	{"arg cell unaligned", func(e encoder) { e.arg(2, cellAt(0x400103)) },
		"movsxd rdx, dword ptr [rbx-0x7d]",
		"add x10, x19, #0x3; ldrsw x2, [x10]"},
	{"syscall 0", func(e encoder) { e.syscall(0) },
		"xor eax, eax; syscall",
		"mov w8, #0x0; svc #0x0"},
	{"syscall 257", func(e encoder) { e.syscall(257) },
		"lea eax, ptr [r13-0x7f]; syscall",
		"mov w8, #0x101; svc #0x0"},
	{"syscall 166", func(e encoder) { e.syscall(166) },
		"mov eax, 0xa6; syscall",
		"mov w8, #0xa6; svc #0x0"},
	{"load number", func(e encoder) { e.load(number(1<<64 - 22)) },
		"mov eax, -0x16",
		"mov w0, #0xffffffea"},
	{"load cell", func(e encoder) { e.load(cellAt(0x400108)) },
		"mov eax, dword ptr [rbx-0x78]",
		"ldr w0, [x19,#8]"},
	{"add 1", func(e encoder) { e.apply(Add, number(1)) },
		"add eax, 0x1",
		"mov w9, #0x1; add w0, w0, w9"},
	{"add cell", func(e encoder) { e.apply(Add, cellAt(0x400104)) },
		"add eax, dword ptr [rbx-0x7c]",
		"ldr w9, [x19,#4]; add w0, w0, w9"},
	{"and -1", func(e encoder) { e.apply(And, number(1<<64-1)) },
		"and eax, -0x1",
		"mov w9, #0xffffffff; and w0, w0, w9"},
	{"and 0xf000", func(e encoder) { e.apply(And, number(0xf000)) },
		"and eax, 0xf000",
		"mov w9, #0xf000; and w0, w0, w9"},
	{"and cell", func(e encoder) { e.apply(And, cellAt(0x400104)) },
		"and eax, dword ptr [rbx-0x7c]",
		"ldr w9, [x19,#4]; and w0, w0, w9"},
	{"or 0x80", func(e encoder) { e.apply(Or, number(0x80)) },
		"or eax, 0x80",
		"mov w9, #0x80; orr w0, w0, w9"},
	{"or cell", func(e encoder) { e.apply(Or, cellAt(0x400104)) },
		"or eax, dword ptr [rbx-0x7c]",
		"ldr w9, [x19,#4]; orr w0, w0, w9"},
	{"shl 31", func(e encoder) { e.apply(Shl, number(31)) },
		"shl eax, 0x1f",
		"mov w9, #0x1f; lsl w0, w0, w9"},
	{"shl cell", func(e encoder) { e.apply(Shl, cellAt(0x400104)) },
		"mov ecx, dword ptr [rbx-0x7c]; shl eax, cl",
		"ldr w9, [x19,#4]; lsl w0, w0, w9"},
	{"sub 5", func(e encoder) { e.apply(Sub, number(5)) },
		"sub eax, 0x5",
		"mov w9, #0x5; sub w0, w0, w9"},
	{"sub cell", func(e encoder) { e.apply(Sub, cellAt(0x400104)) },
		"sub eax, dword ptr [rbx-0x7c]",
		"ldr w9, [x19,#4]; sub w0, w0, w9"},
	{"shr 8", func(e encoder) { e.apply(Shr, number(8)) },
		"shr eax, 0x8",
		"mov w9, #0x8; lsr w0, w0, w9"},
	{"shr cell", func(e encoder) { e.apply(Shr, cellAt(0x400104)) },
		"mov ecx, dword ptr [rbx-0x7c]; shr eax, cl",
		"ldr w9, [x19,#4]; lsr w0, w0, w9"},
	{"store", func(e encoder) { e.store(0x400100) },
		"mov dword ptr [rbx-0x80], eax",
		"str w0, [x19]"},
	{"store far", func(e encoder) { e.store(0x400100 + 16380); e.store(0x400100 + 16384) },
		"mov dword ptr [rbx+0x3f7c], eax; mov dword ptr [rbx+0x3f80], eax",
		"str w0, [x19,#16380]; mov w10, #0x4100; movk w10, #0x40, lsl #16; str w0, [x10]"},
	{"compare 0", func(e encoder) { e.compare(number(0)) },
		"cmp eax, 0x0",
		"cmp w0, #0x0"},
	{"compare -1", func(e encoder) { e.compare(number(0xffffffff)) },
		"cmp eax, -0x1",
		"cmn w0, #0x1"},
	{"compare 4095", func(e encoder) { e.compare(number(4095)) },
		"cmp eax, 0xfff",
		"cmp w0, #0xfff"},
	{"compare 4096", func(e encoder) { e.compare(number(4096)) },
		"cmp eax, 0x1000",
		"mov w9, #0x1000; cmp w0, w9"},
	{"compare 0x80000000", func(e encoder) { e.compare(number(0x80000000)) },
		"cmp eax, -0x80000000",
		"mov w9, #0x80000000; cmp w0, w9"},
	{"compare cell", func(e encoder) { e.compare(cellAt(0x400100)) },
		"cmp eax, dword ptr [rbx-0x80]",
		"ldr w9, [x19]; cmp w0, w9"},
	{"result is 8", func(e encoder) { e.compareResult(8) },
		"cmp rax, 0x8",
		"cmp x0, #0x8"},
	{"result is -22", func(e encoder) { e.compareResult(-22) },
		"cmp rax, -0x16",
		"cmn x0, #0x16"},
	{"result is -4095", func(e encoder) { e.compareResult(-4095) },
		"cmp rax, -0xfff",
		"cmn x0, #0xfff"},
	{"result is an error", func(e encoder) { e.compareErrors() },
		"cmp rax, r12",
		"cmn x0, #0xfff"},
	{"count back", func(e encoder) { e.countBack(1); e.countBack(2); e.countBack(200) },
		"dec ebp; sub ebp, 0x2; sub ebp, 0xc8",
		"add w20, w20, #0x1; add w20, w20, #0x2; add w20, w20, #0xc8"},
	{"count far back", func(e encoder) { e.countBack(5000) },
		"sub ebp, 0x1388",
		"add w20, w20, #0xfff; add w20, w20, #0x389"},
	{"store step", func(e encoder) { e.storeStep(0x400104, 399) },
		"lea ecx, ptr [rbp+0x173]; mov dword ptr [rbx-0x7c], ecx",
		"mov w9, #0x18f; sub w9, w9, w20; str w9, [x19,#4]"},
	{"trap", func(e encoder) { e.trap() },
		"ud2",
		"brk #0x0"},
}
