package nsinit

import (
	"syscall"
	"testing"
)

// Jumps over every distance around those at which they grow, forth and back,
// and over jumps that grow themselves.
func TestJumpsReach(t *testing.T) {
	for _, arch := range arches {
		m, err := machineOf(arch)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 300; n++ {
			for _, cond := range []cond{always, equal, notEqual, less, greaterEqual, failed} {
				e := m.encoder()
				c := e.code()
				c.places = make([]place, 3)
				c.jump(always, 1)
				c.mark(0)
				for range n / 2 {
					e.trap()
				}
				if n%2 == 1 {
					e.compareErrors() // amd64: 3 bytes after traps of 2
				}
				c.jump(always, 2)
				c.mark(1)
				c.jump(cond, 0)
				c.mark(2)
				if _, err := c.finish(e); err != nil {
					t.Fatal(err)
				}
				checkJumps(t, e, n)
			}
		}
	}
}

// checkJumps follows the jumps of TestJumpsReach: over the filling, back to the
// start of it, which stands right behind the first jump.
func checkJumps(t *testing.T, e encoder, filling int) {
	t.Helper()
	text := e.code().buf
	cpu := &processor{text: text, decode: stepAMD64}
	if _, ok := e.(*arm64); ok {
		cpu.decode = stepARM64
	}
	if err := cpu.step(); err != nil {
		t.Fatal(err)
	}
	last := len(e.code().jumps) - 1
	if size := e.jumpSize(e.code().jumps[last].cond, e.code().jumps[last].long); int(cpu.pc) != len(text)-size {
		t.Fatalf("filling %d: the jump forth ends at %d of %d", filling, cpu.pc, len(text))
	}
	first := e.jumpSize(always, e.code().jumps[0].long)
	for _, flags := range []processor{{equal: true}, {less: true}, {carry: true}, {}} {
		try := *cpu
		try.equal, try.less, try.carry = flags.equal, flags.less, flags.carry
		if err := try.step(); err != nil {
			t.Fatal(err)
		}
		if int(try.pc) != len(text) && int(try.pc) != first {
			t.Fatalf("filling %d: the jump back ends at %d, want %d", filling, try.pc, first)
		}
	}
}

// Islands of the sled stand anywhere between steps, also behind a jump that
// is always taken and a label that has no code of its own.
func TestIslandsAreNotEntered(t *testing.T) {
	for pad := range 12 {
		p := plan()
		for range pad {
			p.Steps = append(p.Steps, Step{Op: do("umask", konst(0x123456))})
		}
		for range 4 {
			p.Steps = append(p.Steps, Step{Op: do("close", konst(1)).on(syscall.EPERM, "host")})
		}
		p.Steps = append(p.Steps, at("", Goto{"end"}), at("host", Host{}), Step{Op: do("umask", konst(3))}, at("end", exit(0)))
		for _, arch := range arches {
			for seed := range uint64(100) {
				if !checkSame(t, p.on(arch), seed) {
					t.Fatal("the plan does not end")
				}
			}
		}
	}
}
