package cgroups

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	peer "github.com/opencontainers/cgroups"
	peerv1 "github.com/opencontainers/cgroups/fs"
	peerv2 "github.com/opencontainers/cgroups/fs2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func allResources(t testing.TB) map[string]*specs.LinuxResources {
	t.Helper()
	all := map[string]*specs.LinuxResources{}
	for name, text := range resourceCases {
		all[name] = resources(t, strings.ReplaceAll(text, "DISK", aDisk(t)))
	}
	files, err := filepath.Glob("testdata/engines/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded resources", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = resources(t, string(text))
	}
	return all
}

// aDisk names a block device that can be throttled.
func aDisk(t testing.TB) string {
	t.Helper()
	disks, _ := filepath.Glob("/sys/block/*/dev")
	if len(disks) == 0 {
		return `"major":8,"minor":0`
	}
	text, err := os.ReadFile(disks[len(disks)-1])
	if err != nil {
		t.Fatal(err)
	}
	major, minor, _ := strings.Cut(strings.TrimSpace(string(text)), ":")
	return `"major":` + major + `,"minor":` + minor
}

// fakeGroup is a directory with files as a fresh group has them.
func fakeGroup(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// filesOf returns what was written to dir since fakeGroup.
func filesOf(t *testing.T, dir string, before map[string]string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != before[e.Name()] {
			files[e.Name()] = strings.TrimSuffix(string(text), "\n")
		}
	}
	return files
}

// outcome is what a list of writes leaves in the files, the last one winning
// as it does in the peer's fake files.
func outcome(ws []write) map[string]string {
	files := map[string]string{}
	for _, w := range ws {
		if !w.again {
			files[w.file] = w.value
		}
	}
	return files
}

func compare(t *testing.T, ours map[string]string, err error, theirs map[string]string, theirErr error, deviation string) {
	t.Helper()
	same := (err != nil) == (theirErr != nil) && (err != nil || reflect.DeepEqual(ours, theirs))
	switch {
	case same && deviation != "":
		t.Errorf("no longer different: %s", deviation)
	case !same && deviation == "":
		t.Errorf("ours   %v, %v\ntheirs %v, %v", ours, err, theirs, theirErr)
	}
}

// TestSameWritesAsPeerV1 has the peer write to fake files, so that controllers
// count that this machine does not mount.
func TestSameWritesAsPeerV1(t *testing.T) {
	peer.TestMode = true
	defer func() { peer.TestMode = false }()
	fresh := map[string]string{
		"memory.limit_in_bytes": "9223372036854771712\n", "memory.memsw.limit_in_bytes": "9223372036854771712\n",
		"cpuset.cpus": "\n", "cpuset.mems": "\n",
	}
	raised := maps.Clone(fresh)
	raised["memory.limit_in_bytes"] = "1048576\n"
	for state, before := range map[string]map[string]string{"fresh": fresh, "limited": raised} {
		for name, r := range allResources(t) {
			t.Run(state+"/"+name, func(t *testing.T) {
				ws, err := writesV1(r, func(string) bool { return true }, func(_, file string) string { return before[file] })
				dir := fakeGroup(t, before)
				theirErr := peerSetV1(dir, r)
				compare(t, outcome(ws), err, filesOf(t, dir, before), theirErr, oursFake[name])
			})
		}
	}
}

func peerSetV1(dir string, r *specs.LinuxResources) error {
	p := peerResources(r)
	if p.Unified != nil {
		return peer.ErrV1NoUnified
	}
	for _, s := range []interface {
		Set(string, *peer.Resources) error
	}{
		&peerv1.CpusetGroup{}, &peerv1.MemoryGroup{}, &peerv1.CpuGroup{}, &peerv1.PidsGroup{}, &peerv1.BlkioGroup{},
		&peerv1.HugetlbGroup{}, &peerv1.NetClsGroup{}, &peerv1.NetPrioGroup{}, &peerv1.RdmaGroup{},
	} {
		if err := s.Set(dir, p); err != nil {
			return err
		}
	}
	return nil
}

func TestSameWritesAsPeerV2(t *testing.T) {
	peer.TestMode = true
	defer func() { peer.TestMode = false }()
	before := map[string]string{"cgroup.controllers": "cpu io memory pids\n", "memory.current": "8192\n"}
	for name, r := range allResources(t) {
		t.Run(name, func(t *testing.T) {
			ws, err := writesV2(r, func(_, file string) string { return before[file] })
			dir := fakeGroup(t, before)
			theirs := peerResources(r)
			theirs.Devices = nil // devices_test.go
			m, merr := peerv2.NewManager(&peer.Cgroup{Resources: theirs}, dir)
			if merr != nil {
				t.Fatal(merr)
			}
			theirErr := m.Set(theirs)
			compare(t, outcome(ws), err, filesOf(t, dir, before), theirErr, oursV2[name])
		})
	}
}

// TestWeightsV2: with BFQ the numbers of config.json are used as they are.
func TestWeightsV2(t *testing.T) {
	const weights = `{"blockIO":{"weight":500,"weightDevice":[{"major":8,"minor":0,"weight":300},{"major":8,"minor":16}]}}`
	for _, tt := range []struct {
		name, bfq string
		want      []string
		err       string
	}{
		{"no BFQ", "", []string{"io.weight=4950", "io.weight=8:0 2930"}, ""},
		{"BFQ", "default 100\n", []string{"io.bfq.weight=500", "io.bfq.weight=8:0 300"}, ""},
		{"BFQ before Linux 5.4", "100\n", nil, "cgroup: linux.resources.blockIO.weightDevice: this kernel's BFQ has no weights per device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ws, err := writesV2(resources(t, weights), func(_, file string) string {
				if file == "io.bfq.weight" {
					return tt.bfq
				}
				return ""
			})
			var got []string
			for _, w := range ws {
				got = append(got, w.file+"="+w.value)
			}
			if !slices.Equal(got, tt.want) || message(err) != tt.err {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	_, err := writesV2(resources(t, `{"blockIO":{"weight":9}}`), func(string, string) string { return "" })
	if want := "cgroup: linux.resources.blockIO.weight: 9 is not between 10 and 1000"; message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestOrderOfMemoryLimits: the kernel keeps limit ≤ memory and swap at every
// moment, so the order depends on where the group comes from.
func TestOrderOfMemoryLimits(t *testing.T) {
	limit, swap := "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	for _, tt := range []struct {
		name, now, r string
		want         []string
	}{
		{"fresh group", "9223372036854771712", `{"memory":{"limit":64,"swap":128}}`, []string{limit, swap}},
		{"raise", "64", `{"memory":{"limit":256,"swap":512}}`, []string{swap, limit}},
		{"lower", "256", `{"memory":{"limit":64,"swap":128}}`, []string{limit, swap}},
		{"lower a little", "100", `{"memory":{"limit":50,"swap":200}}`, []string{swap, limit}},
		{"lift", "64", `{"memory":{"limit":-1,"swap":-1}}`, []string{swap, limit}},
		{"lift memory alone", "64", `{"memory":{"limit":-1}}`, []string{swap, limit}},
		{"memory alone", "64", `{"memory":{"limit":32}}`, []string{limit}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ws, err := writesV1(resources(t, tt.r), func(string) bool { return true }, func(string, string) string { return tt.now + "\n" })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range ws {
				got = append(got, w.file)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestResourcesRefused(t *testing.T) {
	none := func(string) bool { return false }
	empty := func(string, string) string { return "" }
	for _, tt := range []struct{ r, v1, v2 string }{
		{`{"memory":{"limit":1}}`, "cgroup: linux.resources.memory.limit: the memory controller is not mounted", ""},
		{`{"cpu":{"shares":2}}`, "cgroup: linux.resources.cpu.shares: the cpu controller is not mounted", ""},
		{`{"cpu":{"cpus":"0"}}`, "cgroup: linux.resources.cpu.cpus: the cpuset controller is not mounted", ""},
		{`{"pids":{"limit":0}}`, "cgroup: linux.resources.pids.limit: the pids controller is not mounted", ""},
		{`{"rdma":{"mlx5_1":{"hcaHandles":3}}}`, "cgroup: linux.resources.rdma.mlx5_1: the rdma controller is not mounted", ""},
		{`{"network":{"classID":5}}`, "cgroup: linux.resources.network.classID: the net_cls controller is not mounted",
			"cgroup: linux.resources.network.classID: cgroup v2 has no such setting"},
		{`{"unified":{"pids.max":"3"}}`, "cgroup: linux.resources.unified: needs a host with cgroup v2 only", ""},
		{`{"unified":{"max":"3"}}`, "cgroup: linux.resources.unified: needs a host with cgroup v2 only",
			`cgroup: linux.resources.unified["max"]: is not of the form CONTROLLER.PARAMETER`},
		{`{"memory":{"swappiness":30}}`, "cgroup: linux.resources.memory.swappiness: the memory controller is not mounted",
			"cgroup: linux.resources.memory.swappiness: cgroup v2 has no such setting"},
		{`{"memory":{"limit":2,"swap":1}}`, "cgroup: linux.resources.memory.swap: the memory controller is not mounted",
			"cgroup: linux.resources.memory.swap: 1 is memory and swap together, and less than memory.limit 2"},
		{`{"hugepageLimits":[{"pageSize":"../2MB","limit":1}]}`, `cgroup: linux.resources.hugepageLimits[0]: "../2MB" is not a page size`,
			`cgroup: linux.resources.hugepageLimits[0]: "../2MB" is not a page size`},
		{`{"memory":{"limit":0},"cpu":{"shares":0},"blockIO":{"weight":0}}`, "", ""},
	} {
		r := resources(t, tt.r)
		_, err := writesV1(r, none, empty)
		if got := message(err); got != tt.v1 {
			t.Errorf("%s: v1 got %q, want %q", tt.r, got, tt.v1)
		}
		_, err = writesV2(r, empty)
		if got := message(err); got != tt.v2 {
			t.Errorf("%s: v2 got %q, want %q", tt.r, got, tt.v2)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRefusedValueIsRetried: the kernel may refuse a period until the quota is
// in force. The fake group lacks the files, which the first writes tolerate.
func TestRefusedValueIsRetried(t *testing.T) {
	r := resources(t, `{"cpu":{"quota":50000,"period":200000,"burst":10}}`)
	ws, err := writesV1(r, func(string) bool { return true }, func(string, string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range ws {
		s := w.file
		if w.tolerate != 0 {
			s += " tolerates " + w.tolerate.Error()
		}
		if w.again {
			s += " again"
		}
		got = append(got, s)
	}
	want := []string{
		"cpu.cfs_period_us tolerates invalid argument", "cpu.cfs_burst_us tolerates invalid argument",
		"cpu.cfs_quota_us", "cpu.cfs_period_us again", "cpu.cfs_burst_us again",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUpdateV2 writes to a fake unified group.
func TestUpdateV2(t *testing.T) {
	before := map[string]string{"cgroup.controllers": "cpu memory pids\n", "cpu.weight": "", "cpu.max": "", "memory.max": "", "memory.swap.max": "", "pids.max": "", "memory.high": ""}
	dir := fakeGroup(t, before)
	g := Restore(map[string]string{"": dir})
	r := resources(t, `{"memory":{"limit":64,"swap":128},"cpu":{"shares":1024,"quota":50000},"pids":{"limit":-1},"unified":{"memory.high":"60"}}`)
	if err := g.Update(r); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cpu.weight": "100", "cpu.max": "50000 100000", "memory.max": "64", "memory.swap.max": "64", "pids.max": "max", "memory.high": "60"}
	if got := filesOf(t, dir, before); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for r, want := range map[string]string{
		`{"cpu":{"cpus":"0"}}`:             `cgroup: linux.resources.cpu.cpus: the cpuset controller is not available in ` + dir + `, which has "cpu memory pids"`,
		`{"unified":{"io.max":"8:0"}}`:     `cgroup: linux.resources.unified.io.max: the io controller is not available in ` + dir + `, which has "cpu memory pids"`,
		`{"unified":{"memory.nope":"1"}}`:  `cgroup: linux.resources.unified.memory.nope: write "1" to ` + dir + `/memory.nope: no such file or directory`,
		`{"blockIO":{"weight":500}}`:       `cgroup: linux.resources.blockIO.weight: the io controller is not available in ` + dir + `, which has "cpu memory pids"`,
		`{"memory":{"limit":1,"swap":-1}}`: ``,
	} {
		if got := message(g.Update(resources(t, r))); got != want {
			t.Errorf("%s: got %q, want %q", r, got, want)
		}
	}
}
