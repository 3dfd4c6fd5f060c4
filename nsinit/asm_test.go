package nsinit

import (
	"strings"
	"syscall"
	"testing"
)

func TestAssembleRefuses(t *testing.T) {
	c := &Cell{Name: "c"}
	small := &Data{Size: 8, Text: "small"}
	for _, test := range []struct {
		name string
		plan *Plan
		want string
	}{
		{"an unknown system call", plan(do("getpid"), do("no_such_call"), exit(0)), "step 2, no_such_call: unknown system call"},
		{"an unknown label", plan(Goto{"nowhere"}), `step 1: label "nowhere" is unknown`},
		{"an unknown label of a call", plan(do("getpid").then("nowhere"), exit(0)), `step 1, getpid: label "nowhere" is unknown`},
		{"an unknown label of an errno", plan(do("getpid").on(1, "nowhere"), exit(0)), `step 1, getpid: label "nowhere" is unknown`},
		{"an empty label", plan(Goto{}), `step 1: label "" is unknown`},
		{"a label twice", plan(at("a", Host{}), at("a", exit(0))), `step 2, exit_group: label "a" is that of step 1 already`},
		{"seven arguments", plan(do("close", konst(1), konst(2), konst(3), konst(4), konst(5), konst(6), konst(7)), exit(0)), "step 1, close: 7 arguments"},
		{"a missing argument", plan(do("close", nil), exit(0)), "step 1, close: argument 0: operand is <nil>, not Const, Val, Ptr or Str"},
		{"an offset outside data", plan(do("close", Ptr{small, 8}), exit(0)), "step 1, close: argument 0: offset 8 is outside 8 bytes of data"},
		{"a negative offset", plan(do("close", Ptr{small, -1}), exit(0)), "offset -1 is outside 8 bytes of data"},
		{"no data", plan(do("close", Ptr{}), exit(0)), "step 1, close: argument 0: data is nil"},
		{"a cell outside data", plan(do("close", Val{&Cell{Name: "x", Data: small, Off: 5}}), exit(0)), "cell x: offset 5 is outside 8 bytes of data"},
		{"a cell with an offset of its own", plan(do("close").into(&Cell{Name: "x", Off: 4}), exit(0)), "result: cell x: offset 4 is outside 4 bytes of data"},
		{"no cell", plan(Set{A: konst(1)}, exit(0)), "step 1: cell is nil"},
		{"a relocation outside data", plan(do("close", addr(&Data{Size: 8, Relocs: []Reloc{{1, small}}})), exit(0)), "relocation at 1 is outside 8 bytes of data"},
		{"a relocation to nothing", plan(do("close", addr(&Data{Size: 8, Relocs: []Reloc{{}}, Text: "x"})), exit(0)), `relocation at 0 of data "x": data is nil`},
		{"an odd alignment", plan(do("close", addr(&Data{Size: 8, Align: 3})), exit(0)), "data has alignment 3"},
		{"too much data", plan(do("close", addr(&Data{Size: 1 << 40})), exit(0)), "data of 1099511627776 bytes"},
		{"too much data in all", plan(do("close", addr(&Data{Size: maxData}), addr(&Data{Size: maxData})), exit(0)), "more than 67108864 bytes of data"},
		{"an errno that is none", plan(Fail{}), "step 1: errno 0 is not in [1, 4095]"},
		{"an errno that is too large", plan(do("close").on(syscall.Errno(4096), ""), exit(0)), "step 1, close: errno 4096 is not in [1, 4095]"},
		{"an unknown comparison", plan(If{Cell: c, Cmp: ">", Value: konst(1), To: "a"}, at("a", exit(0))), `step 1: comparison ">" is unknown`},
		{"a comparison with an address", plan(If{Cell: c, Cmp: Eq, Value: addr(small), To: "a"}, at("a", exit(0))), "step 1: comparison with an address"},
		{"an unknown function", plan(Set{c, konst(1), "*", konst(1)}, exit(0)), `step 1: function "*" is unknown`},
		{"a function of nothing", plan(Set{c, konst(1), Add, nil}, exit(0)), "step 1: operand is <nil>, not Const, Val, Ptr or Str"},
		{"a step without an operation", plan(at("", nil)), "step 1: the plan runs off its end"},
		{"an unknown operation", plan(&Goto{"a"}, at("a", exit(0))), "step 1: operation *nsinit.Goto is unknown"},
		{"no steps", plan(), "there are no steps"},
		{"an end that is left", plan(do("getpid")), "step 1, getpid: the plan runs off its end"},
		{"an end that a tolerated errno leaves", plan(do("execve").on(syscall.ENOENT, "")), "step 1, execve: the plan runs off its end"},
		{"an end on the host", plan(exit(0), Host{"x"}), "step 2: the plan runs off its end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, arch := range arches {
				if _, err := Assemble(test.plan.on(arch)); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: error is %v, want %q", arch, err, test.want)
				}
			}
		})
	}
}

func TestAssembleRefusesPlans(t *testing.T) {
	p := plan(exit(0))
	if _, err := Assemble(p.on("mips")); err == nil || !strings.Contains(err.Error(), `unknown architecture "mips"`) {
		t.Errorf("error is %v", err)
	}
	p.Report = -1
	if _, err := Assemble(p.on("amd64")); err == nil || !strings.Contains(err.Error(), "report descriptor -1 is negative") {
		t.Errorf("error is %v", err)
	}
}

// Cells and data that a plan names twice are there once; equal ones that it
// does not name are not mixed up.
func TestLayoutKeepsIdentity(t *testing.T) {
	a, b := text("same"), text("same")
	x, y := &Cell{Name: "x"}, &Cell{Name: "x"}
	prog, err := link(plan(do("close", addr(a), addr(b), addr(a), Val{x}, Val{y}, Val{x}), exit(0)).on("amd64"))
	if err != nil {
		t.Fatal(err)
	}
	o := prog.operands(0)
	var v [6]uint64
	for i, arg := range prog.plan.Steps[0].Op.(Call).Args {
		v[i] = o.arg(arg).v
	}
	if v[0] != v[2] || v[0] == v[1] || v[3] != v[5] || v[3] == v[4] {
		t.Errorf("addresses are %x", v)
	}
}

func TestDataIsAligned(t *testing.T) {
	p := plan(exit(0))
	want := map[int]uint64{0: 8, 1: 1, 2: 2, 4: 4, 8: 8, 16: 16}
	var blocks []*Data
	for range 3 {
		for align := range want {
			blocks = append(blocks, &Data{Bytes: []byte("odd"), Align: align}, &Data{Size: 3, Align: align})
		}
	}
	for _, d := range blocks {
		p.Steps = append([]Step{{Op: do("close", addr(d))}}, p.Steps...)
	}
	prog, err := link(p.on("amd64"))
	if err != nil {
		t.Fatal(err)
	}
	for d, r := range prog.index {
		if a := prog.addr(r); a%want[d.Align] != 0 {
			t.Errorf("data of alignment %d is at %#x", d.Align, a)
		}
	}
}

// Blocks of zeros are in memory only, and behind all others.
func TestZerosAreNotInFile(t *testing.T) {
	zeros, after := &Data{Bytes: make([]byte, 100), Size: 1 << 16}, text("after")
	prog, err := link(plan(do("close", addr(zeros), addr(after)), exit(0)).on("arm64"))
	if err != nil {
		t.Fatal(err)
	}
	if prog.initialised > headerSize+64 || prog.size < 1<<16 {
		t.Errorf("%d of %d bytes are in the file", prog.initialised, prog.size)
	}
}
