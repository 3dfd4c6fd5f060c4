package nsinit

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// Calls whose results are known, and all there is to know about them.
func knownCall(g *generator, i int) Op {
	op := Call{Name: pick(g.source, []string{"umask", "close", "lseek"})}
	switch op.Name {
	case "umask":
		op.Args = []Arg{g.arg()}
	case "close":
		op.Args = []Arg{konst(-1 - g.IntN(100))}
	case "lseek":
		op.Args = []Arg{konst(50), constant(g.source), konst(pick(g.source, []int{0, 0, 99}))}
	}
	for len(op.Args) < g.IntN(7) {
		op.Args = append(op.Args, g.arg())
	}
	return g.finish(op, i)
}

type knownKernel struct{ mask uint64 }

func (k *knownKernel) call(step int, name string, args []uint64, mem Memory) int64 {
	switch name {
	case "close":
		return -int64(syscall.EBADF)
	case "umask":
		old := k.mask
		k.mask = args[0] & 0o777
		return int64(old)
	case "lseek":
		if args[2] != 0 || int64(args[1]) < 0 {
			return -int64(syscall.EINVAL)
		}
		return int64(args[1])
	}
	return 40 // memfd_create, dup3: not to be looked at
}

// Random plans do on a real kernel what they do in the emulator.
func TestImageMatchesEmulator(t *testing.T) {
	onEach(t, func(t *testing.T, arch string) {
		plans, ended := 400, 0
		if arch != runtime.GOARCH {
			plans = 60 // qemu takes its time
		}
		for seed := range uint64(plans) {
			r := rand.New(rand.NewPCG(seed, 3))
			p := randomPlan(r, 4+r.IntN(40), knownCall).on(arch)
			fd := &Cell{Name: "fd"}
			p.Steps = append([]Step{
				{Op: do("memfd_create", addr(text("x")), konst(0)).into(fd)},
				{Op: do("dup3", Val{fd}, konst(50), konst(0))},
				{Op: do("umask", konst(0))},
			}, p.Steps...)
			want, err := emulateBriefly(p, (&knownKernel{}).call)
			if err != nil {
				continue // it has no end
			}
			ended++
			got := run(t, p, nil)
			if !reflect.DeepEqual(got.reports, want.Reports) || got.status != syscall.WaitStatus(want.Code<<8) {
				t.Fatalf("got %+v, want %+v\n%s", got, want, dump(p))
			}
		}
		if ended < plans/2 {
			t.Errorf("only %d of %d plans ended", ended, plans)
		}
	})
}

// Every relation and every function, on numbers of both signs, in one image.
func TestImageArithmetic(t *testing.T) {
	numbers := []int{0, 1, -1, 5, 31, -22, 4095, 4096, 1<<31 - 1, -1 << 31, 0x5555}
	a, b, c := &Cell{Name: "a"}, &Cell{Name: "b"}, &Cell{Name: "c"}
	p := plan()
	add := func(label string, op Op) { p.Steps = append(p.Steps, at(label, op)) }
	for _, x := range numbers {
		for _, y := range numbers {
			add("", Set{Cell: a, A: konst(x)})
			add("", Set{Cell: b, A: konst(y)})
			for _, right := range []Arg{konst(y), Val{b}} {
				for _, fn := range []Fn{Add, And, Or, Shl, Shr, Sub} {
					add("", Set{c, Val{a}, fn, right})
					add("", Mark{Value: Val{c}})
				}
				for _, cmp := range []Cmp{Eq, Ne, Lt, Ge} {
					for _, mask := range []uint32{0, 0x80000001} {
						skip := strconv.Itoa(len(p.Steps))
						add("", If{a, mask, cmp, right, skip})
						add("", Mark{Value: konst(0)})
						add(skip, Host{})
					}
				}
			}
		}
	}
	add("", exit(0))
	onEach(t, func(t *testing.T, arch string) {
		want, err := Emulate(p.on(arch), (&knownKernel{}).call)
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, p.on(arch), nil); !reflect.DeepEqual(got.reports, want.Reports) || got.status != 0 {
			t.Errorf("%d reports, status %#x, are not the %d expected", len(got.reports), got.status, len(want.Reports))
		}
	})
}
