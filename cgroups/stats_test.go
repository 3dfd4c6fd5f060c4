package cgroups

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// group makes a version 2 group of files in a temporary directory.
func groupOf(t *testing.T, files map[string]string) *Group {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Restore(map[string]string{"": dir})
}

func TestStatsOfVersion2(t *testing.T) {
	g := groupOf(t, map[string]string{
		"cpu.stat":    "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2\n",
		"memory.stat": "file 4096\nanon 12\n", "memory.max": "max\n", "memory.current": "500\n", "memory.peak": "900\n",
		"memory.events": "low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\n", "memory.swap.max": "100\n", "memory.swap.current": "50\n",
		"pids.current": "3\n", "pids.max": "max\n", "pids.events": "max 0\n",
		"io.stat":             "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
		"hugetlb.2MB.current": "2097152\n", "hugetlb.2MB.max": "max\n", "hugetlb.2MB.events": "max 5\n", "hugetlb.2MB.rsvd.current": "0\n",
	})
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if c := s.CPU; c.Total != 30_000 || c.User != 10_000 || c.Kernel != 20_000 || c.Periods != 4 || c.ThrottledPeriods != 3 || c.Stopped != 2_000 {
		t.Errorf("cpu %+v", c)
	}
	m := s.Memory
	if m.Cache != 4096 || m.Usage != (MemoryUse{math.MaxUint64, 500, 900, 7}) || m.Swap != (MemoryUse{Limit: math.MaxUint64, Usage: 550}) ||
		!slices.Equal(m.Raw, []KeyValue{{"anon", 12}, {"file", 4096}}) {
		t.Errorf("memory %+v", m)
	}
	if s.Pids.Current != 3 || s.Pids.Max != NoLimit {
		t.Errorf("pids %+v", s.Pids)
	}
	if !slices.Equal(s.BlkIO.Bytes, []BlkIOEntry{{8, 0, "Read", 1}, {8, 0, "Write", 2}, {8, 0, "Discard", 0}}) || len(s.BlkIO.Operations) != 3 {
		t.Errorf("io %+v", s.BlkIO)
	}
	if !slices.Equal(s.Hugetlb, []HugetlbStat{{"2MB", 2097152, math.MaxUint64, 5}}) {
		t.Errorf("hugetlb %+v", s.Hugetlb)
	}
}

func TestStatsWithoutControllersAreZero(t *testing.T) {
	s, err := groupOf(t, nil).Stats()
	if err != nil || s.CPU.Total != 0 || len(s.Memory.Raw) != 0 || len(s.BlkIO.Bytes) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestStatsTextOfVersion1(t *testing.T) {
	if got := parseBlkIO("254:0 Read 4096\n254:0 Total 4096\nTotal 4096\nx:y Read 1\n8:1 Write z\n"); !slices.Equal(got,
		[]BlkIOEntry{{254, 0, "Read", 4096}, {254, 0, "Total", 4096}}) {
		t.Errorf("blkio %v", got)
	}
	user, kernel := parseUsageAll("cpu user system\n0 36 24\n1 0 8\n")
	if !slices.Equal(user, []uint64{36, 0}) || !slices.Equal(kernel, []uint64{24, 8}) {
		t.Errorf("usage_all %v %v", user, kernel)
	}
	for text, want := range map[string][]uint64{"0-2,5\n": {0, 1, 2, 5}, "\n": nil, "3": {3}, "a-b": nil, "0-99999999999": nil} {
		if got := parseList(text); !slices.Equal(got, want) {
			t.Errorf("list %q: %v", text, got)
		}
	}
}
