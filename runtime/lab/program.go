package lab

import (
	"encoding/binary"
	"fmt"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
)

// A program is a workload: an executable, and what its reports mean.
type program struct {
	elf   []byte
	names map[int]string // of the marks, by their steps
	steps []nsinit.Step
}

// A note is what a program reports: the value of a mark, or the errno of a
// step that failed, which ends the program.
type note struct {
	Name  string
	Value int
}

const recordSize = 8

// note decodes a report (nsinit.Report).
func (p *program) note(record []byte) note {
	step, value := int(binary.NativeEndian.Uint32(record)), int(int32(binary.NativeEndian.Uint32(record[4:])))
	if name, ok := p.names[step]; ok {
		return note{name, value}
	}
	if 0 <= step && step < len(p.steps) {
		return note{fmt.Sprintf("step %d, %s, failed", step, p.steps[step].Why), value}
	}
	return note{fmt.Sprintf("step %d", step), value}
}

// A code collects the steps of a program.
type code struct {
	plan   nsinit.Plan
	names  map[int]string
	labels int
	entry  []*nsinit.Data // structures whose first word is the program's entry point
}

// assemble makes a program of what build writes, for this machine. The program
// must not run off its end.
func assemble(build func(*code)) *program { return assembleFor(goruntime.GOARCH, build) }

func assembleFor(arch string, build func(*code)) *program {
	c := &code{plan: nsinit.Plan{Arch: arch, Report: unix.Stdout}, names: map[int]string{}}
	build(c)
	image := c.image()
	if len(c.entry) > 0 {
		entry := binary.LittleEndian.Uint64(image[24:]) // e_entry of <elf.h>
		for _, d := range c.entry {
			binary.LittleEndian.PutUint64(d.Bytes, entry)
		}
		image = c.image() // the same layout, now with the address
	}
	return &program{elf: image, names: c.names, steps: c.plan.Steps}
}

func (c *code) image() []byte {
	image, err := nsinit.Assemble(&c.plan)
	if err != nil {
		panic(fmt.Sprintf("bug: workload: %v", err)) // every workload is assembled in a test
	}
	return image.ELF
}

func (c *code) do(why string, op nsinit.Op) {
	c.plan.Steps = append(c.plan.Steps, nsinit.Step{Op: op, Why: why})
}

// here labels the next step.
func (c *code) here(label string) {
	c.plan.Steps = append(c.plan.Steps, nsinit.Step{Label: label, Why: label,
		Op: nsinit.Call{Name: "getpid"}}) // a step that does nothing
}

func (c *code) fresh() string {
	c.labels++
	return fmt.Sprint("L", c.labels)
}

// call makes a system call; an error ends the program with a report.
func (c *code) call(name string, args ...nsinit.Arg) {
	c.do(name, nsinit.Call{Name: name, Args: args})
}

// expectable are the errors that an experiment may be about.
var expectable = [...]syscall.Errno{unix.EPERM, unix.ESRCH, unix.EINTR, unix.ECHILD, unix.EAGAIN, unix.ENOMEM, unix.EINVAL}

// try makes a system call and reports what it returns, also a negative errno.
func (c *code) try(mark, name string, args ...nsinit.Arg) *nsinit.Cell {
	result := c.result(name, args...)
	c.mark(mark, nsinit.Val{Cell: result})
	return result
}

// result makes a system call and keeps what it returns, also a negative errno.
func (c *code) result(name string, args ...nsinit.Arg) *nsinit.Cell {
	op := nsinit.Call{Name: name, Args: args, Result: &nsinit.Cell{Name: name}}
	for _, errno := range expectable {
		op.On = append(op.On, nsinit.On{Errno: errno})
	}
	c.do(name, op)
	return op.Result
}

// mark reports a value under a name.
func (c *code) mark(name string, value nsinit.Arg) {
	c.names[len(c.plan.Steps)] = name
	c.do("report "+name, nsinit.Mark{Name: name, Value: value})
}

func (c *code) jump(to string) { c.do("go on", nsinit.Goto{To: to}) }

func (c *code) when(cell *nsinit.Cell, cmp nsinit.Cmp, value int, to string) {
	c.do("decide", nsinit.If{Cell: cell, Cmp: cmp, Value: n(value), To: to})
}

func (c *code) set(cell *nsinit.Cell, value int) { c.do("set", nsinit.Set{Cell: cell, A: n(value)}) }

// times repeats body, which must not be a fork's child when it ends.
func (c *code) times(count int, body func()) {
	left, again := &nsinit.Cell{Name: "left"}, c.fresh()
	c.set(left, count)
	c.here(again)
	body()
	c.do("one less", nsinit.Set{Cell: left, A: nsinit.Val{Cell: left}, Fn: nsinit.Sub, B: n(1)})
	c.when(left, nsinit.Ne, 0, again)
}

// n is a number.
func n(v int) nsinit.Arg { return nsinit.Const{V: uint64(v)} }

func val(c *nsinit.Cell) nsinit.Arg { return nsinit.Val{Cell: c} }

func ptr(d *nsinit.Data) nsinit.Arg { return nsinit.Ptr{Data: d} }

// words is a structure of 64-bit fields.
func words(fields ...uint64) *nsinit.Data {
	b := make([]byte, 0, 8*len(fields))
	for _, f := range fields {
		b = binary.LittleEndian.AppendUint64(b, f)
	}
	return &nsinit.Data{Bytes: b, Text: "words"}
}

// space is memory for the kernel to write to.
func space(size int) *nsinit.Data { return &nsinit.Data{Size: size, Text: "space"} }
