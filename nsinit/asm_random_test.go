package nsinit

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
)

// A source of choices: random numbers, or the bytes of a fuzzer.
type source interface {
	IntN(n int) int
	Uint64() uint64
}

// edges are numbers at which encodings change.
var edges = []uint64{
	0, 1, 2, 27, 28, 127, 128, 155, 156, 255, 256, 4095, 4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0x12345,
	0x7fffffff, 0x80000000, 0xfffff000, 0xfffff001, 0xffffffff, 1 << 32, 0x1_2345_6789, 0xffff_0000_ffff,
	1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 100, 1<<64 - 4096, 1<<64 - 4095, 1<<64 - 0x12345, 1<<64 - 1,
}

func pick[T any](r source, of []T) T { return of[r.IntN(len(of))] }

func constant(r source) Const {
	switch r.IntN(4) {
	case 0:
		return Const{V: r.Uint64() >> r.IntN(64)}
	case 1:
		return Const{V: pick(r, edges) + r.Uint64()%256}
	}
	return Const{V: pick(r, edges)}
}

// randomPlan makes a plan of n steps that runs, if perhaps for ever. Its
// system calls come from calls.
func randomPlan(r source, n int, calls func(g *generator, i int) Op) *Plan {
	g := &generator{source: r, call: calls}
	far := &Data{Size: 20000, Bytes: []byte{1}}
	within := &Data{Size: 40, Bytes: []byte("within"), Relocs: []Reloc{{24, far}}}
	g.data = []*Data{text("x"), within, {Size: 8}, far, {Bytes: []byte("abc"), Align: 1}}
	g.cells = []*Cell{
		{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "field", Data: within, Off: 8},
		{Name: "odd", Data: within, Off: 13}, {Name: "far", Data: far, Off: 19000},
	}
	p := &Plan{Report: 3}
	for i := range n {
		label := fmt.Sprint(i)
		if i > 0 && r.IntN(4) > 0 {
			label = ""
		} else {
			g.labels = append(g.labels, label)
		}
		p.Steps = append(p.Steps, Step{Label: label})
	}
	for i := range n - 1 {
		p.Steps[i].Op = g.op(i)
	}
	p.Steps[n-1].Op = exit(r.IntN(256))
	return p
}

type generator struct {
	source
	call   func(g *generator, i int) Op
	data   []*Data
	cells  []*Cell
	labels []string
}

// label prefers what comes later, so that most plans end.
func (g *generator) label(i int) string {
	for range 4 {
		l := pick(g.source, g.labels)
		var at int
		if fmt.Sscan(l, &at); at > i {
			return l
		}
	}
	return pick(g.source, g.labels)
}

func (g *generator) arg() Arg {
	switch g.IntN(4) {
	case 0:
		return Val{pick(g.source, g.cells)}
	case 1:
		d := pick(g.source, g.data)
		return Ptr{d, g.IntN(max(1, d.size()))}
	}
	return constant(g.source)
}

func (g *generator) op(i int) Op {
	switch g.IntN(9) {
	case 0:
		value := g.arg()
		if _, ok := value.(Ptr); ok {
			value = constant(g.source)
		}
		op := If{Cell: pick(g.source, g.cells), Cmp: pick(g.source, []Cmp{Eq, Ne, Lt, Ge}), Value: value, To: g.label(i)}
		if g.IntN(2) == 0 {
			op.Mask = uint32(constant(g.source).V)
		}
		return op
	case 1, 2:
		return Set{pick(g.source, g.cells), g.arg(), pick(g.source, []Fn{"", Add, And, Or, Shl, Shr, Sub}), g.arg()}
	case 3:
		return pick(g.source, []Op{Host{"x"}, Goto{g.label(i)}, Fail{Errno: syscall.ENOSYS}, Mark{"", g.arg()}})
	}
	return g.call(g, i)
}

// anyCall is a call for a fake kernel.
func anyCall(g *generator, i int) Op {
	op := Call{Name: pick(g.source, []string{"close", "openat2", "umask", "pidfd_open"})}
	for range g.IntN(7) {
		op.Args = append(op.Args, g.arg())
	}
	return g.finish(op, i)
}

// finish adds to a call what is done with its result.
func (g *generator) finish(op Call, i int) Op {
	if g.IntN(2) == 0 {
		op.Result = pick(g.source, g.cells)
	}
	for range g.IntN(3) {
		on := On{Errno: pick(g.source, []syscall.Errno{1, 9, 22, 128, 4095})}
		if g.IntN(2) == 0 {
			on.To = g.label(i)
		}
		op.On = append(op.On, on)
	}
	if g.IntN(4) == 0 {
		op.OK = g.label(i)
	}
	return op
}

// resultOf is what the fake kernel returns to the nth call.
func resultOf(seed uint64, nth int) int64 {
	h := (seed + uint64(nth)) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	results := []int64{0, 0, 0, 1, 5, -9, -22, -1, -128, -4095, -4096, 1 << 62, 0xfffffff7, 0x80000000, -1 << 63}
	return results[h%uint64(len(results))]
}

// A trace is all that can be seen of a run.
type trace struct {
	calls   []call
	outcome Outcome
	mem     Memory
}

type call struct {
	nr   int
	args []uint64
}

// errEndless is that of a plan whose run is cut short.
var errEndless = errors.New("endless")

const maxCalls = 300

// emulateBriefly gives a plan up that makes too many calls.
func emulateBriefly(p *Plan, kernel func(int, string, []uint64, Memory) int64) (out Outcome, err error) {
	defer func() {
		if e := recover(); e == errEndless {
			err = errEndless
		} else if e != nil {
			panic(e)
		}
	}()
	calls := 0
	return Emulate(p, func(step int, name string, args []uint64, mem Memory) int64 {
		if calls++; calls > maxCalls {
			panic(errEndless)
		}
		return kernel(step, name, args, mem)
	})
}

// traceEmulated runs a plan in the emulator.
func traceEmulated(p *Plan, seed uint64) (tr trace, err error) {
	tr.outcome, err = emulateBriefly(p, func(step int, name string, args []uint64, mem Memory) int64 {
		tr.mem = mem
		nr, _ := syscallNumber(p.Arch, name)
		tr.calls = append(tr.calls, call{nr, args})
		return resultOf(seed, len(tr.calls))
	})
	return tr, err
}

// traceMachine runs the image of a plan in the model of its processor.
func traceMachine(p *Plan, seed uint64) (tr trace, err error) {
	prog, err := link(p)
	if err != nil {
		return tr, err
	}
	im, err := Assemble(p)
	if err != nil {
		return tr, err
	}
	cpu, err := load(im.ELF)
	if err != nil {
		return tr, err
	}
	number, args := 0, amd64Args[:]
	if p.Arch == "arm64" {
		number, args = 8, []byte{0, 1, 2, 3, 4, 5}
	}
	ended := false
	cpu.kernel = func() {
		c := call{nr: int(cpu.regs[number])}
		for _, r := range args {
			c.args = append(c.args, cpu.regs[r])
		}
		switch {
		case c.nr == prog.machine.exitGroup:
			tr.outcome.Code, ended = int(c.args[0]&0xff), true
			tr.calls = append(tr.calls, c)
		case c.nr == prog.machine.write && c.args[1] == prog.record:
			r := readReport(cpu.data.Bytes(c.args[1], c.args[2]))
			tr.outcome.Reports = append(tr.outcome.Reports, r)
			cpu.regs[0] = recordSize // both rax and x0
		default:
			tr.calls = append(tr.calls, c)
			cpu.regs[0] = uint64(resultOf(seed, len(tr.calls)))
		}
	}
	for range 1 << 20 {
		if err := cpu.step(); err != nil {
			return tr, err
		}
		if ended || cpu.trap {
			tr.mem = cpu.data
			return tr, nil
		}
	}
	return tr, errEndless
}

// compareTraces returns what differs.
func compareTraces(emulated, machine trace, record uint64) error {
	if f := emulated.outcome; f.Code == 1 && len(f.Reports) > 0 && len(machine.calls) == len(emulated.calls)+1 {
		machine.calls = machine.calls[:len(emulated.calls)] // the image's own exit_group(1)
	}
	if !slices.Equal(emulated.outcome.Reports, machine.outcome.Reports) || emulated.outcome.Code != machine.outcome.Code {
		return fmt.Errorf("outcome is %+v, want %+v", machine.outcome, emulated.outcome)
	}
	if len(emulated.calls) != len(machine.calls) {
		return fmt.Errorf("%d calls, want %d", len(machine.calls), len(emulated.calls))
	}
	for i, want := range emulated.calls {
		got := machine.calls[i]
		if got.nr != want.nr || !slices.Equal(got.args[:len(want.args)], want.args) {
			return fmt.Errorf("call %d is %x, want %x", i, got, want)
		}
	}
	clear(machine.mem[:headerSize])
	clear(machine.mem.Bytes(record, recordSize))
	if emulated.mem != nil && !slices.Equal(emulated.mem, machine.mem) {
		return errors.New("memory differs")
	}
	return nil
}

// checkSame runs a plan both ways. It tells whether the plan ended.
func checkSame(t *testing.T, p *Plan, seed uint64) bool {
	t.Helper()
	want, err := traceEmulated(p, seed)
	if err != nil {
		return false
	}
	got, err := traceMachine(p, seed)
	if err == nil {
		prog, _ := link(p)
		err = compareTraces(want, got, prog.record)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.Arch, err, dump(p))
	}
	return true
}

// dump is a plan for the reader of a failed test.
func dump(p *Plan) string {
	s := ""
	for i, step := range p.Steps {
		s += fmt.Sprintf("%3d %q %T%+v\n", i, step.Label, step.Op, step.Op)
	}
	return s
}
