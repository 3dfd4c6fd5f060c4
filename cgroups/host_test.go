package cgroups

import (
	"reflect"
	"strings"
	"testing"
)

const hybridMounts = `22 26 0:21 / /sys rw,relatime - sysfs sysfs rw
26 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct
38 30 0:35 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
39 30 0:36 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
`

func TestParseHost(t *testing.T) {
	tests := []struct {
		name, mounts, self string
		want               Host
	}{
		{"hybrid", hybridMounts, "9:name=systemd:/init.scope\n8:pids:/a:b\n1:cpu,cpuacct:/\n0::/own\n", Host{
			Unified: "/sys/fs/cgroup/unified", Own: "/own",
			V1: []Hierarchy{
				{Name: "name=systemd", Controllers: []string{"name=systemd"}, Mount: "/sys/fs/cgroup/systemd", Own: "/init.scope", XAttr: true},
				{Name: "pids", Controllers: []string{"pids"}, Mount: "/sys/fs/cgroup/pids", Own: "/a:b"},
				{Name: "cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Mount: "/sys/fs/cgroup/cpu,cpuacct", Own: "/"},
			}}},
		{"a hierarchy that is mounted nowhere is left out", hybridMounts, "12:rdma:/\n0::/\n",
			Host{Unified: "/sys/fs/cgroup/unified", Own: "/"}},
		{"pure version 2, no v1 mount is taken for it", "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/system.slice/x.service\n",
			Host{Unified: "/sys/fs/cgroup", Own: "/system.slice/x.service"}},
		{"in a container without a cgroup namespace the mount shows a part",
			"30 22 0:27 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc/inner\n",
			Host{Unified: "/sys/fs/cgroup", Own: "/inner"}},
		{"a name that only begins alike is elsewhere",
			"30 22 0:27 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc\n",
			Host{Unified: "/sys/fs/cgroup"}},
		{"a mount from outside of the cgroup namespace does not show us",
			"30 22 0:27 /../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/\n",
			Host{Unified: "/sys/fs/cgroup"}},
		{"of several mounts the one that shows us",
			"30 22 0:27 /other /mnt/a rw - cgroup2 cgroup rw\n31 22 0:27 / /mnt/b rw - cgroup2 cgroup rw\n32 22 0:27 / /mnt/c rw - cgroup2 cgroup rw\n", "0::/x\n",
			Host{Unified: "/mnt/b", Own: "/x"}},
		{"escapes", `30 22 0:27 / /mnt/a\040b\134c rw - cgroup2 cgroup rw` + "\n", "0::/\n", Host{Unified: `/mnt/a b\c`, Own: "/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseHost([]byte(tt.mounts), []byte(tt.self))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestParseHostRefuses(t *testing.T) {
	for _, tt := range []struct{ mounts, self, want string }{
		{hybridMounts, "0:/\n", "malformed line 0:/"},
		{hybridMounts, "0::relative\n", "malformed"},
		{"22 26 0:21 / /sys rw - sysfs sysfs rw\n", "0::/\n", "no cgroup file system is mounted"},
		{"", "", "no cgroup file system is mounted"},
	} {
		if _, err := parseHost([]byte(tt.mounts), []byte(tt.self)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parseHost(%q) = %v, want %q", tt.self, err, tt.want)
		}
	}
}

func TestMountData(t *testing.T) {
	for _, tt := range []struct {
		h    Hierarchy
		want string
	}{
		{Hierarchy{Name: "cpu,cpuacct"}, "cpu,cpuacct"},
		{Hierarchy{Name: "name=systemd", XAttr: true}, "none,name=systemd,xattr"},
	} {
		if got := tt.h.MountData(); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.h, got, tt.want)
		}
	}
}

// TestLook holds Look against the peer that reads the same files.
func TestLook(t *testing.T) {
	h, err := Look()
	if err != nil {
		t.Fatal(err)
	}
	peers := peerMounts(t)
	for _, v1 := range h.V1 {
		for _, c := range v1.Controllers {
			if peers[c] != v1.Mount {
				t.Errorf("%s: mounted at %q, the peer says %q", c, v1.Mount, peers[c])
			}
			delete(peers, c)
		}
	}
	if peers[""] != h.Unified {
		t.Errorf("unified tree at %q, the peer says %q", h.Unified, peers[""])
	}
	delete(peers, "")
	if len(peers) > 0 {
		t.Errorf("not found: %v", peers)
	}
}

func FuzzParseHost(f *testing.F) {
	f.Add(hybridMounts, "9:name=systemd:/init.scope\n8:pids:/a:b\n1:cpu,cpuacct:/\n0::/own\n")
	f.Add(`1 1 0:1 /a\040 /b\011 - cgroup cgroup rw,pids`, "0::/\n")
	f.Fuzz(func(t *testing.T, mounts, self string) {
		h, err := parseHost([]byte(mounts), []byte(self))
		if err != nil {
			return
		}
		if h.Unified == "" && len(h.V1) == 0 {
			t.Error("a host without any mount")
		}
		for _, v1 := range append(h.V1, Hierarchy{Mount: h.Unified, Own: h.Own}) {
			if v1.Mount != "" && v1.Mount[0] != '/' || v1.Own != "" && v1.Own[0] != '/' {
				t.Errorf("relative: %+v", v1)
			}
		}
		g, err := h.Group("a/../../../b", "id")
		if err != nil {
			return
		}
		for _, d := range g.dirs {
			if !strings.HasPrefix(d.path, d.root+"/") {
				t.Errorf("%q is not below %q", d.path, d.root)
			}
		}
	})
}

func BenchmarkLook(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Look(); err != nil {
			b.Fatal(err)
		}
	}
}
