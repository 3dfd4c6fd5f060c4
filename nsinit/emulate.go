package nsinit

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// An Outcome is how a plan ended.
type Outcome struct {
	Step    int      // the step that ended it
	Name    string   // exit, exit_group, execve or execveat; exit_group after a failure
	Code    int      // of exit and exit_group
	Reports []Report // marks, and last the failure if there was one
}

// A plan that does not end is cut short after so many system calls, or after
// so many steps without one.
const (
	emulateCalls = 1 << 20
	emulateIdle  = 1 << 14
)

// Emulate runs a plan with kernel in place of the system calls: it gets what
// the image would pass, and its result is what the image would see. A result
// of 0 from clone is the child's path through the plan. Reports go to the
// Outcome, not to kernel. exit and exit_group end the plan whatever kernel
// returns, execve and execveat when it returns 0.
func Emulate(p *Plan, kernel func(step int, name string, args []uint64, mem Memory) int64) (Outcome, error) {
	prog, err := link(p)
	if err != nil {
		return Outcome{}, fmt.Errorf("emulate plan: %w", err)
	}
	e := &emulator{program: prog, kernel: kernel, mem: make(Memory, prog.size)}
	prog.fill(e.mem)
	for e.calls < emulateCalls && e.idle < emulateIdle {
		e.idle++
		e.out.Step = e.at
		if e.step(e.at); e.out.Name != "" {
			return e.out, nil
		}
		if e.at == len(p.Steps) {
			return e.out, fmt.Errorf("emulate plan: step %d returned", e.at)
		}
	}
	return e.out, fmt.Errorf("emulate plan: no end after %d calls and %d steps", e.calls, e.idle)
}

// Memory is the data segment of an emulated image.
type Memory []byte

// Bytes returns n bytes at an address, to be read and written, or nil if not
// all of them are in the data segment.
func (m Memory) Bytes(addr, n uint64) []byte {
	if addr < imageBase || addr-imageBase > uint64(len(m)) || n > uint64(len(m))-(addr-imageBase) {
		return nil
	}
	return m[addr-imageBase:][:n:n]
}

// String returns the C string at an address, or "" if none ends there.
func (m Memory) String(addr uint64) string {
	if addr < imageBase || addr-imageBase > uint64(len(m)) {
		return ""
	}
	s, _, ok := bytes.Cut(m[addr-imageBase:], []byte{0})
	if !ok {
		return ""
	}
	return string(s)
}

type emulator struct {
	*program
	kernel func(int, string, []uint64, Memory) int64
	mem    Memory
	at     int // the next step
	calls  int
	idle   int // steps since the last call
	out    Outcome
}

func (e *emulator) step(i int) {
	e.at = i + 1
	o, to := e.operands(i), e.targets(i)
	switch op := e.plan.Steps[i].Op.(type) {
	case Call:
		e.call(i, op, o, to)
	case If:
		if op.holds(int32(e.value(o.cell(op.Cell))), int32(e.value(o.arg(op.Value)))) {
			e.at = int(to[0])
		}
	case Goto:
		e.at = int(to[0])
	case Set:
		v := uint32(e.value(o.arg(op.A)))
		if op.Fn != "" {
			v = op.Fn.of(v, uint32(e.value(o.arg(op.B))))
		}
		e.store(o.cell(op.Cell), v)
	case Fail:
		e.fail(i, -int32(op.Errno))
	case Mark:
		e.report(i, int32(e.value(o.arg(op.Value))))
	}
}

func (e *emulator) call(i int, op Call, o operands, to []target) {
	values := make([]uint64, len(op.Args))
	for k, a := range op.Args {
		values[k] = e.value(o.arg(a))
	}
	e.calls, e.idle = e.calls+1, 0
	result := e.kernel(i, op.Name, values, e.mem)
	exits := op.Name == "exit" || op.Name == "exit_group"
	if exits || leaves(op.Name) && result == 0 {
		e.out.Name = op.Name
		if exits && len(values) > 0 {
			e.out.Code = int(values[0] & 0xff)
		}
		return
	}
	if op.Result != nil {
		e.store(o.cell(op.Result), uint32(result))
	}
	for k, on := range op.On {
		if result == -int64(on.Errno) {
			e.at = int(to[1+k])
			return
		}
	}
	if -maxErrno <= result && result < 0 {
		e.fail(i, int32(result))
		return
	}
	e.at = int(to[0])
}

func (e *emulator) fail(i int, value int32) {
	e.report(i, value)
	e.out.Name, e.out.Code = "exit_group", 1
}

func (e *emulator) report(i int, value int32) {
	e.out.Reports = append(e.out.Reports, Report{Step: uint32(e.plan.First + i), Value: value})
}

func (e *emulator) value(o operand) uint64 {
	if !o.cell {
		return o.v
	}
	return uint64(int32(binary.LittleEndian.Uint32(e.mem[o.v-imageBase:])))
}

func (e *emulator) store(cell operand, v uint32) {
	binary.LittleEndian.PutUint32(e.mem[cell.v-imageBase:], v)
}

// holds tells whether an If goes to its label.
func (op If) holds(cell, value int32) bool {
	if op.Mask != 0 {
		cell &= int32(op.Mask)
	}
	switch op.Cmp {
	case Eq:
		return cell == value
	case Ne:
		return cell != value
	case Lt:
		return cell < value
	}
	return cell >= value
}

// of is a fn b.
func (fn Fn) of(a, b uint32) uint32 {
	switch fn {
	case Add:
		return a + b
	case Sub:
		return a - b
	case And:
		return a & b
	case Or:
		return a | b
	case Shl:
		return a << (b & 31)
	}
	return a >> (b & 31)
}
