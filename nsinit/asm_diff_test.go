package nsinit

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func readReport(b []byte) Report {
	return Report{binary.LittleEndian.Uint32(b), int32(binary.LittleEndian.Uint32(b[4:]))}
}

// Random plans do in the model of each processor what they do in the
// emulator: the same calls with the same arguments, the same reports, and
// the same memory in the end.
func TestMachineCodeMatchesEmulator(t *testing.T) {
	const plans = 1000
	for _, arch := range arches {
		ended := 0
		for seed := range uint64(plans) {
			r := rand.New(rand.NewPCG(seed, 1))
			p := randomPlan(r, 2+r.IntN(60), anyCall).on(arch)
			if checkSame(t, p, seed) {
				ended++
			}
		}
		if ended < plans/2 {
			t.Errorf("%s: only %d of %d plans ended", arch, ended, plans)
		}
	}
}

// bytesSource takes its choices from a fuzzer.
type bytesSource struct{ b []byte }

func (s *bytesSource) IntN(n int) int { return int(s.Uint64() % uint64(n)) }

func (s *bytesSource) Uint64() uint64 {
	var word [8]byte
	n := copy(word[:min(2, len(s.b))], s.b)
	s.b = s.b[n:]
	v := binary.LittleEndian.Uint64(word[:])
	return v * 0x0001_0001_0001_0001 // high bits too
}

// FuzzAssemble breaks plans in all the ways that the types allow. What is
// assembled nevertheless does what the emulator does.
func FuzzAssemble(f *testing.F) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data, byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte, faults byte) {
		s := &bytesSource{data}
		p := randomPlan(s, 2+s.IntN(40), anyCall)
		for range faults % 3 {
			spoil(s, p)
		}
		for _, arch := range arches {
			if _, err := Assemble(p.on(arch)); err == nil {
				checkSame(t, p.on(arch), uint64(faults))
			}
		}
	})
}

// spoil makes one thing of a plan odd.
func spoil(s source, p *Plan) {
	step := &p.Steps[s.IntN(len(p.Steps))]
	odd := []int{-1 << 63, -1, 0, 3, 5, 37, 41, 1 << 31, 1<<63 - 1}
	args := []Arg{nil, Ptr{}, Val{}, Ptr{&Data{Size: 8}, pick(s, odd)}, Val{&Cell{Off: pick(s, odd)}},
		Val{&Cell{Data: &Data{Size: 8}, Off: pick(s, odd)}}, &Const{}}
	switch s.IntN(9) {
	case 0:
		step.Op = nil
	case 1:
		step.Op = &Goto{}
	case 2:
		step.Label = "0"
	case 3:
		step.Op = Call{Name: pick(s, []string{"", "nosuch", "close"}), Args: []Arg{pick(s, args)}, OK: pick(s, []string{"", "nosuch"})}
	case 4:
		step.Op = Set{&Cell{Data: &Data{Size: pick(s, odd), Align: pick(s, odd)}}, pick(s, args), pick(s, []Fn{"", "^", Add}), pick(s, args)}
	case 5:
		step.Op = If{&Cell{}, 1, pick(s, []Cmp{"", "<=", Eq}), pick(s, args), "0"}
	case 6:
		step.Op = Mark{"", pick(s, args)}
	case 7:
		d := &Data{Bytes: make([]byte, 40), Relocs: []Reloc{{pick(s, odd), &Data{Size: pick(s, odd)}}}}
		step.Op = do("close", Ptr{d, 0})
	case 8:
		step.Op = Fail{}
		p.Report = pick(s, odd)
	}
}
