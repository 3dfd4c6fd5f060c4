package nsinit

import "fmt"

// An Image is a plan in machine code.
type Image struct {
	ELF  []byte // a complete static executable
	Open bool   // everybody may read and execute it, not its owner alone
}

// Assemble translates a plan into a static executable for p.Arch. The image
// needs neither libc nor stack: all its state is in registers and in the data
// segment, so that a child of clone(CLONE_VM|CLONE_VFORK) can go on in it.
//
// The error names the step that cannot be translated: an unknown system call
// or label, an operand outside its data, a way to run off the plan's end.
func Assemble(p *Plan) (*Image, error) {
	prog, err := link(p)
	if err != nil {
		return nil, fmt.Errorf("assemble plan: %w", err)
	}
	elf, err := executable(prog)
	if err != nil {
		return nil, fmt.Errorf("assemble plan: %w", err)
	}
	return &Image{ELF: elf}, nil
}

// An encoder writes the primitives of which steps are made. The accumulator
// is the register in which the kernel leaves its result; 32-bit primitives
// work on the low half of it.
type encoder interface {
	code() *codeBuffer
	begin(data uint64)               // load the registers that hold for the whole plan
	arg(i int, o operand)            // argument i = operand
	syscall(nr int)                  // accumulator = result, 64 bits
	load(o operand)                  // accumulator = operand
	apply(fn Fn, o operand)          // accumulator = accumulator fn operand
	store(addr uint64)               // 32 bits at addr = accumulator
	compare(o operand)               // compare 32 bits, signed
	compareResult(v int64)           // compare 64 bits
	compareErrors()                  // make jumps on failed see whether the result is an error
	countBack(n int)                 // count n more steps back from the last one
	storeStep(addr uint64, last int) // 32 bits at addr = last - the steps counted back
	trap()                           // raise a signal that kills even PID 1
	forget()                         // rely no longer on what registers were seen to hold

	// islandAfter is how many bytes of code may follow a jump to a failure
	// entry before the entry should be placed; 0: entries can stay at the end.
	islandAfter() int
	jumpSize(c cond, long bool) int
	appendJump(b []byte, c cond, long bool, disp int) []byte // disp counts from the jump's own start
	fits(disp int, long bool) bool
}

// An operand is a number, or the 32-bit cell at an address, which is
// sign-extended where 64 bits are wanted.
type operand struct {
	v    uint64
	cell bool
}

func number(v uint64) operand { return operand{v: v} }

// cond is the condition of a jump.
type cond uint8

const (
	always cond = iota
	equal
	notEqual
	less
	greaterEqual
	failed // after compareErrors
)
