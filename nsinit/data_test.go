package nsinit

import (
	"slices"
	"testing"
)

// Equal strings may share their place, different ones never.
func TestStringsAreWhatTheKernelReads(t *testing.T) {
	want := []string{"a", "", "a", "/proc", "longer than that", "", "/proc", "a"}
	p := &Plan{Arch: "amd64", Report: 3}
	for _, s := range want {
		p.Steps = append(p.Steps, Step{Op: Call{Name: "chdir", Args: []Arg{str(s)}}})
	}
	p.Steps = append(p.Steps, Step{Op: Call{Name: "exit_group", Args: []Arg{num(0)}}})
	var got []string
	if _, err := Emulate(p, func(_ int, name string, args []uint64, mem Memory) int64 {
		if name == "chdir" {
			got = append(got, mem.String(args[0]))
		}
		return 0
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
