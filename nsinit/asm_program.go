package nsinit

// A program is a plan in which every name is settled: system calls are
// numbers, labels are steps, and cells and data have addresses. The assembler
// translates it and the emulator runs it.
type program struct {
	plan    *Plan
	machine machine
	steps   []linked // one more than there are steps
	refs    []ref    // of each step, in the order of its operands
	to      []target // of each step: of a Call, OK and then each On
	layout
}

// linked is a step's system call, its first ref and its first target.
type linked struct {
	nr, refs, to int32
}

func (p *program) number(i int) int       { return int(p.steps[i].nr) }
func (p *program) targets(i int) []target { return p.to[p.steps[i].to:p.steps[i+1].to] }

// operands are those of step i, to be taken in their order: of a Call the
// arguments and the result, of an If the cell and the value, of a Set A, B
// and the cell.
func (p *program) operands(i int) operands {
	return operands{p, p.refs[p.steps[i].refs:p.steps[i+1].refs]}
}

type operands struct {
	program *program
	refs    []ref
}

// addr takes the address of the next cell or data.
func (o *operands) addr() uint64 {
	r := o.refs[0]
	o.refs = o.refs[1:]
	return o.program.addr(r)
}

func (o *operands) cell(c *Cell) operand {
	return operand{v: o.addr() + uint64(c.Off), cell: true}
}

func (o *operands) arg(a Arg) operand {
	switch a := a.(type) {
	case Val:
		return o.cell(a.Cell)
	case Ptr:
		return number(o.addr() + uint64(a.Off))
	case Str:
		return number(o.addr())
	}
	return number(a.(Const).V)
}
