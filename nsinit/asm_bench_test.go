package nsinit

import "testing"

func BenchmarkAssemble(b *testing.B) {
	for _, arch := range arches {
		p := birth(400).on(arch)
		b.Run(arch, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Assemble(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
