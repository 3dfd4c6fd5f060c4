package nsinit

import (
	"errors"
	"fmt"
	"syscall"
)

// link settles the names of a plan and lays out its data.
func link(p *Plan) (*program, error) {
	m, err := machineOf(p.Arch)
	if err != nil {
		return nil, err
	}
	if p.Report < 0 {
		return nil, fmt.Errorf("report descriptor %d is negative", p.Report)
	}
	n := len(p.Steps)
	l := linker{
		program: &program{plan: p, machine: m},
		labels:  make(map[string]target),
	}
	l.steps = make([]linked, 0, n+1)
	l.refs = make([]ref, 0, 3*n)
	l.program.to = make([]target, 0, n+n/2)
	l.layout.init(n)
	if err := l.link(); err != nil {
		return nil, err
	}
	return l.program, nil
}

type linker struct {
	*program
	labels map[string]target
}

func (l *linker) link() error {
	steps := l.plan.Steps
	for i := range steps {
		if err := l.label(i, steps[i].Label); err != nil {
			return l.wrap(i, err)
		}
	}
	for i := range steps {
		l.steps = append(l.steps, linked{refs: int32(len(l.refs)), to: int32(len(l.program.to))})
		if err := l.step(i, steps[i].Op); err != nil {
			return l.wrap(i, err)
		}
	}
	l.steps = append(l.steps, linked{refs: int32(len(l.refs)), to: int32(len(l.program.to))})
	if len(steps) == 0 {
		return errors.New("there are no steps")
	}
	return l.place()
}

// wrap names step i for a reader, who counts from 1.
func (l *linker) wrap(i int, err error) error {
	if op, ok := l.plan.Steps[i].Op.(Call); ok {
		return fmt.Errorf("step %d, %s: %w", i+1, op.Name, err)
	}
	return fmt.Errorf("step %d: %w", i+1, err)
}

func (l *linker) label(i int, name string) error {
	if name == "" {
		return nil
	}
	if first, ok := l.labels[name]; ok {
		return fmt.Errorf("label %q is that of step %d already", name, first+1)
	}
	l.labels[name] = target(i)
	return nil
}

func (l *linker) step(i int, op Op) error {
	if i == len(l.plan.Steps)-1 && runsOn(op) {
		return errors.New("the plan runs off its end")
	}
	switch op := op.(type) {
	case Call:
		return l.call(i, &op)
	case If:
		return l.test(i, op)
	case Goto:
		return l.jump(i, op.To, false)
	case Set:
		return l.set(op)
	case Fail:
		return checkErrno(op.Errno)
	case Mark:
		return l.arg(op.Value)
	case Host:
		return nil
	}
	return fmt.Errorf("operation %T is unknown", op)
}

// runsOn tells whether the next step can follow an operation.
func runsOn(op Op) bool {
	switch op := op.(type) {
	case Goto, Fail:
		return false
	case Call:
		for i := range op.On {
			if op.On[i].To == "" {
				return true
			}
		}
		return op.OK == "" && !leaves(op.Name)
	}
	return true
}

// leaves tells whether a system call does not return when it succeeds.
func leaves(name string) bool {
	switch name {
	case "execve", "execveat", "exit", "exit_group":
		return true
	}
	return false
}

func (l *linker) call(i int, op *Call) error {
	nr, ok := syscallNumber(l.plan.Arch, op.Name)
	if !ok {
		return errors.New("unknown system call")
	}
	l.steps[i].nr = int32(nr)
	if len(op.Args) > 6 {
		return fmt.Errorf("%d arguments", len(op.Args))
	}
	for k, a := range op.Args {
		if err := l.arg(a); err != nil {
			return fmt.Errorf("argument %d: %w", k, err)
		}
	}
	if op.Result != nil {
		if err := l.cell(op.Result); err != nil {
			return fmt.Errorf("result: %w", err)
		}
	}
	if err := l.jump(i, op.OK, true); err != nil {
		return err
	}
	for _, on := range op.On {
		if err := first(checkErrno(on.Errno), l.jump(i, on.To, true)); err != nil {
			return err
		}
	}
	return nil
}

func (l *linker) test(i int, op If) error {
	switch op.Cmp {
	case Eq, Ne, Lt, Ge:
	default:
		return fmt.Errorf("comparison %q is unknown", op.Cmp)
	}
	switch op.Value.(type) {
	case Ptr, Str:
		return errors.New("comparison with an address")
	}
	return first(l.cell(op.Cell), l.arg(op.Value), l.jump(i, op.To, false))
}

func (l *linker) set(op Set) error {
	switch op.Fn {
	case "":
		return first(l.arg(op.A), l.cell(op.Cell))
	case Add, And, Or, Shl, Shr, Sub:
		return first(l.arg(op.A), l.arg(op.B), l.cell(op.Cell))
	}
	return fmt.Errorf("function %q is unknown", op.Fn)
}

// first is the first error, or nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkErrno refuses what the kernel cannot return as an error.
func checkErrno(e syscall.Errno) error {
	if e < 1 || e > maxErrno {
		return fmt.Errorf("errno %d is not in [1, %d]", uint(e), maxErrno)
	}
	return nil
}

// maxErrno is MAX_ERRNO of include/linux/err.h.
const maxErrno = 4095

func (l *linker) jump(i int, label string, orNext bool) error {
	if label == "" && orNext {
		l.program.to = append(l.program.to, target(i+1))
		return nil
	}
	t, ok := l.labels[label]
	if !ok {
		return fmt.Errorf("label %q is unknown", label)
	}
	l.program.to = append(l.program.to, t)
	return nil
}

func (l *linker) arg(a Arg) error {
	switch a := a.(type) {
	case Const:
		return nil
	case Val:
		return l.cell(a.Cell)
	case Ptr:
		return l.pointer(a)
	case Str:
		l.refs = append(l.refs, l.text(string(a)))
		return nil
	}
	return fmt.Errorf("operand is %T, not Const, Val, Ptr or Str", a)
}

func (l *linker) pointer(p Ptr) error {
	r, err := l.block(p.Data)
	if err != nil {
		return err
	}
	if size := p.Data.size(); p.Off != 0 && (p.Off < 0 || p.Off >= size) {
		return fmt.Errorf("offset %d is outside %d bytes of data", p.Off, size)
	}
	l.refs = append(l.refs, r)
	return nil
}

func (l *linker) cell(c *Cell) error {
	if c == nil {
		return errors.New("cell is nil")
	}
	r, size, err := l.home(c)
	if err != nil {
		return fmt.Errorf("cell %s: %w", c.Name, err)
	}
	if c.Off < 0 || c.Off > size-4 {
		return fmt.Errorf("cell %s: offset %d is outside %d bytes of data", c.Name, c.Off, size)
	}
	l.refs = append(l.refs, r)
	return nil
}
