package cgroups

import (
	"reflect"
	"strings"
	"testing"
)

func hybrid() *Host {
	return &Host{Unified: "/u", Own: "/session", V1: []Hierarchy{
		{Name: "cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Mount: "/v/cpu,cpuacct", Own: "/"},
		{Name: "pids", Controllers: []string{"pids"}, Mount: "/v/pids", Own: "/slice"},
		{Name: "name=systemd", Controllers: []string{"name=systemd"}, Mount: "/v/systemd", Own: "/slice", XAttr: true},
	}}
}

func TestGroupPaths(t *testing.T) {
	pure := &Host{Unified: "/u", Own: "/user.slice/session"}
	tests := []struct {
		name string
		host *Host
		path string
		want map[string]string
	}{
		{"empty is the id", hybrid(), "", map[string]string{
			"cpu": "/v/cpu,cpuacct/id", "cpuacct": "/v/cpu,cpuacct/id", "pids": "/v/pids/id", "name=systemd": "/v/systemd/id", "": "/u/id"}},
		{"absolute", hybrid(), "/docker/x", map[string]string{
			"cpu": "/v/cpu,cpuacct/docker/x", "cpuacct": "/v/cpu,cpuacct/docker/x", "pids": "/v/pids/docker/x", "name=systemd": "/v/systemd/docker/x", "": "/u/docker/x"}},
		{"relative is below the caller", hybrid(), "x/y", map[string]string{
			"cpu": "/v/cpu,cpuacct/x/y", "cpuacct": "/v/cpu,cpuacct/x/y", "pids": "/v/pids/slice/x/y", "name=systemd": "/v/systemd/slice/x/y", "": "/u/session/x/y"}},
		{"relative on version 2 is beside the caller", pure, "x", map[string]string{"": "/u/user.slice/x"}},
		{"dots do not lead out", pure, "/../../a/./b/../c//d/", map[string]string{"": "/u/a/c/d"}},
		{"nor from a relative path", pure, "../../../x", map[string]string{"": "/u/user.slice/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := tt.host.Group(tt.path, "id")
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Paths(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			back := Restore(g.Paths())
			if got := back.Paths(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("restored: got %v", got)
			}
			if len(back.dirs) != len(g.dirs) || back.pure() != g.pure() || back.unified() != g.unified() {
				t.Errorf("restored to %+v from %+v", back.dirs, g.dirs)
			}
		})
	}
}

func TestGroupRefuses(t *testing.T) {
	outside := &Host{Unified: "/u"}
	for _, tt := range []struct {
		host       *Host
		path, want string
	}{
		{hybrid(), "/", "root of the hierarchy"},
		{hybrid(), "a/..", "root of the hierarchy"},
		{hybrid(), "/a\x00b", "NUL"},
		{outside, "x", "not visible below /u"},
	} {
		if _, err := tt.host.Group(tt.path, "id"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Group(%q) = %v, want %q", tt.path, err, tt.want)
		}
	}
}

func TestPlacements(t *testing.T) {
	h := hybrid()
	g, err := h.Group("", "id")
	if err != nil {
		t.Fatal(err)
	}
	want := []Placement{
		{Base: "cpu,cpuacct", Data: "cpu,cpuacct", Mount: "/v/cpu,cpuacct", Dir: "/v/cpu,cpuacct/id"},
		{Base: "pids", Data: "pids", Mount: "/v/pids", Dir: "/v/pids/id"},
		{Base: "systemd", Data: "none,name=systemd,xattr", Mount: "/v/systemd", Dir: "/v/systemd/id"},
		{Base: "u", Unified: true, Mount: "/u", Dir: "/u/id"},
	}
	if got := h.Placements(g); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPidsStatInWords(t *testing.T) {
	for _, tt := range []struct {
		s    PidsStat
		want string
	}{
		{PidsStat{Current: 20, Max: 20, Refused: 3}, "pids.max 20 reached (20 of 20, 3 forks refused)"},
		{PidsStat{Current: 21, Max: 20, Refused: 1}, "pids.max 20 reached (21 of 20, 1 fork refused)"},
		{PidsStat{Current: 4, Max: 20}, "pids.max 20 (4 of 20, no fork refused)"},
		{PidsStat{Current: 4, Max: NoLimit}, "no pids.max (4 tasks)"},
		{PidsStat{Current: 1, Max: NoLimit}, "no pids.max (1 task)"},
	} {
		if got := tt.s.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestParsePids(t *testing.T) {
	for in, want := range map[string][]int{"": nil, "1\n": {1}, "12\n0\n345\n": {12, 0, 345}, "7": {7}} {
		if got := parsePids([]byte(in)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

func TestProcessesInWords(t *testing.T) {
	for want, pids := range map[string][]int{
		"process 7":                          {7},
		"processes 7, 8":                     {7, 8},
		"processes 1, 2, 3, 4, 5 and 2 more": {1, 2, 3, 4, 5, 6, 7},
	} {
		if got := processes(pids); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
