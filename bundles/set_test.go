package bundles

import (
	"slices"
	"testing"
)

func TestParseSet(t *testing.T) {
	for list, want := range map[string][]int{
		"": nil, "0": {0}, "0-3,7": {0, 1, 2, 3, 7}, " 1 , ,63-65,": {1, 63, 64, 65}, "1023": {1023},
	} {
		set, err := ParseSet(list)
		if err != nil {
			t.Errorf("%q: %v", list, err)
		}
		var got []int
		for n := range 64 * len(set) {
			if set[n/64]&(1<<(n%64)) != 0 {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v", list, got)
		}
	}
	for _, list := range []string{",", "-1", "1-", "2-1", "x", "0x1", "+1", "1024", "0-99999999999", "1--2"} {
		if set, err := ParseSet(list); err == nil {
			t.Errorf("%q is %v", list, set)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add("0-3,7")
	f.Fuzz(func(t *testing.T, list string) {
		if set, err := ParseSet(list); err == nil && set != nil && len(set) != SetSize/64 || err != nil && set != nil {
			t.Errorf("%q: %v, %v", list, set, err)
		}
	})
}
