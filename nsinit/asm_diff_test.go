package nsinit

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func readReport(b []byte) Report {
	return Report{binary.LittleEndian.Uint32(b), int32(binary.LittleEndian.Uint32(b[4:]))}
}

// Random plans do in the model of each processor what they do in the emulator.
func TestMachineCodeMatchesEmulator(t *testing.T) {
	const plans = 3000
	for _, arch := range arches {
		ended := 0
		for seed := range uint64(plans) {
			r := rand.New(rand.NewPCG(seed, 1))
			p := randomPlan(r, 2+r.IntN(60)).on(arch)
			if checkSame(t, p, seed) {
				ended++
			}
		}
		if ended < plans/2 {
			t.Errorf("%s: only %d of %d plans ended", arch, ended, plans)
		}
	}
}
