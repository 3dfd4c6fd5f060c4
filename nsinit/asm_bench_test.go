package nsinit

import "testing"

func BenchmarkAssemble(b *testing.B) {
	for _, arch := range []string{"amd64", "arm64"} {
		p := birth(400).on(arch)
		b.Run(arch, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				im, err := Assemble(p)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(im.ELF)))
			}
		})
	}
}

func TestSize(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		p := birth(400).on(arch)
		prog, err := link(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := executable(prog)
		t.Log(arch, "code", len(f)-int(prog.initialised), "data", prog.initialised, prog.size, err)
	}
}
