package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	peer "github.com/opencontainers/cgroups/systemd"
)

func TestUnitOfACgroupsPath(t *testing.T) {
	for _, tt := range []struct {
		path, id   string
		user       bool
		name, want string // the unit, and its group
	}{
		{"", "web", false, "minirun-web.scope", "/system.slice/minirun-web.scope"},
		{"", "web", true, "minirun-web.scope", "/user.slice/minirun-web.scope"},
		{"system.slice:docker:1234", "x", false, "docker-1234.scope", "/system.slice/docker-1234.scope"},
		{":cri-containerd:0f", "x", false, "cri-containerd-0f.scope", "/system.slice/cri-containerd-0f.scope"},
		{"machine.slice::web", "x", false, "web.scope", "/machine.slice/web.scope"},
		{"-.slice:p:n", "x", false, "p-n.scope", "/p-n.scope"},
		{"kubepods-burstable-pod12_ab.slice:crio:77", "x", false, "crio-77.scope",
			"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_ab.slice/crio-77.scope"},
	} {
		u, err := parseUnit(tt.path, tt.id, tt.user)
		if err != nil || u.name != tt.name || u.path() != tt.want {
			t.Errorf("%q: got %+v, %s, %v", tt.path, u, u.path(), err)
		}
	}
	for path, want := range map[string]string{
		"/web":                                  `"/web" is not of the form slice:prefix:name`,
		"a.slice:b":                             `is not of the form slice:prefix:name`,
		"a.slice:b:c:d":                         `is not of the form slice:prefix:name`,
		"a.slice:b:":                            "has no name",
		"a:b:c":                                 `"a" is not the name of a slice`,
		"a--b.slice:b:c":                        `"a--b.slice" is not the name of a slice`,
		"-a.slice:b:c":                          "is not the name of a slice",
		"a-.slice:b:c":                          "is not the name of a slice",
		"../a.slice:b:c":                        "is not the name of a slice",
		".slice:b:c":                            "is not the name of a slice",
		"a.slice:b:c/d":                         "has the character '/'",
		"a.slice:b:c.slice":                     "asks for a slice",
		"a.slice:b:c\x00":                       `has the character '\x00'`,
		"a.slice:b:" + strings.Repeat("x", 300): "longer than 255 bytes",
	} {
		if u, err := parseUnit(path, "x", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %s", path, u, err, want)
		}
	}
	if _, err := parseUnit("", "a+b", false); err == nil || !strings.Contains(err.Error(), `has the character '+'`) {
		t.Errorf("an id that no unit can have: %v", err)
	}
}

func FuzzSlicesAreThoseOfThePeer(f *testing.F) {
	for _, s := range []string{"a.slice", "a-b-c.slice", "-.slice", "a--b.slice", ".slice", "a", "a/b.slice", "-a.slice", "a-.slice"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, slice string) {
		got, err := expandSlice(slice)
		want, theirErr := peer.ExpandSlice(slice)
		if checkUnitName(slice) != nil { // which the peer leaves to systemd
			if err == nil {
				t.Errorf("%q: got %q", slice, got)
			}
			return
		}
		if got != want || (err == nil) != (theirErr == nil) {
			t.Errorf("%q: got %q, %v; the peer has %q, %v", slice, got, err, want, theirErr)
		}
	})
}

func FuzzMasksAreThoseOfThePeer(f *testing.F) {
	for _, s := range []string{"0", "0-3,8", " 1 , 2 ", "7,", "", "3-1", "0-", "1-2-3", "65535", "65536"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if strings.ContainsFunc(list, func(r rune) bool { return strings.ContainsRune("+_xX\t\n\v\f\r\u0085\u00a0", r) }) || len(list) > 40 {
			return
		}
		got, err := parseMask(list)
		if err != nil && strings.Contains(list, "6553") {
			return // the peer has no limit
		}
		if len(list) > 20 {
			return
		}
		want, theirErr := peer.RangeToBits(list)
		if string(got) != string(want) || (err == nil) != (theirErr == nil) {
			t.Errorf("%q: got %v, %v; the peer has %v, %v", list, got, err, want, theirErr)
		}
	})
}

// text prints properties, one a line.
func text(props []property) string {
	var b strings.Builder
	for _, p := range props {
		fmt.Fprintf(&b, "%s=%s\n", p.name, valueText(p.value))
	}
	return b.String()
}

func valueText(v any) string {
	switch v := v.(type) {
	case array:
		items := make([]string, len(v.items))
		for i, item := range v.items {
			items[i] = valueText(item)
		}
		return "[" + strings.Join(items, " ") + "]"
	case structure:
		return strings.TrimSuffix(fmt.Sprintln([]any(v)...), "\n")
	case uint64:
		if v == infinity {
			return "infinity"
		}
	}
	return fmt.Sprint(v)
}

func TestPropertiesOfResources(t *testing.T) {
	for _, tt := range []struct{ resources, v1, v2 string }{
		{`{}`, "", ""},
		{`{"memory":{"limit":64,"swap":128,"reservation":32}}`, "MemoryLimit=64", "MemoryMax=64 MemoryLow=32 MemorySwapMax=64"},
		{`{"memory":{"limit":-1}}`, "MemoryLimit=infinity", "MemoryMax=infinity MemorySwapMax=infinity"},
		{`{"memory":{"limit":0},"cpu":{"shares":0}}`, "", ""},
		{`{"cpu":{"shares":1024}}`, "CPUShares=1024", "CPUWeight=100"},
		{`{"cpu":{"shares":1024,"idle":1}}`, "CPUShares=1024", "CPUWeight=0"},
		{`{"cpu":{"shares":1024,"idle":0}}`, "CPUShares=1024", "CPUWeight=100"},
		{`{"cpu":{"quota":50000,"period":200000}}`, "CPUQuotaPeriodUSec=200000 CPUQuotaPerSecUSec=250000", "CPUQuotaPeriodUSec=200000 CPUQuotaPerSecUSec=250000"},
		{`{"cpu":{"quota":33333}}`, "CPUQuotaPerSecUSec=340000", "CPUQuotaPerSecUSec=340000"},
		{`{"cpu":{"quota":-1}}`, "CPUQuotaPerSecUSec=infinity", "CPUQuotaPerSecUSec=infinity"},
		{`{"cpu":{"period":50000}}`, "CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=infinity", "CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=infinity"},
		{`{"cpu":{"cpus":"0-2,9","mems":"0"}}`, "AllowedCPUs=[7 2] AllowedMemoryNodes=[1]", "AllowedCPUs=[7 2] AllowedMemoryNodes=[1]"},
		{`{"cpu":{"cpus":"x"}}`, `cgroup: linux.resources.cpu.cpus: "x" is not a range`, `cgroup: linux.resources.cpu.cpus: "x" is not a range`},
		{`{"pids":{"limit":5}}`, "TasksMax=5", "TasksMax=5"},
		{`{"pids":{"limit":0}}`, "TasksMax=1", "TasksMax=1"},
		{`{"pids":{"limit":-1}}`, "TasksMax=infinity", "TasksMax=infinity"},
		{`{"blockIO":{"weight":500}}`, "BlockIOWeight=500", ""},
		{`{"unified":{"cpu.max":"5000 10000","cpu.weight":"7","memory.high":"64K","memory.max":"max","memory.low":"1","memory.min":"2","memory.swap.max":"0"}}`, "",
			"CPUQuotaPeriodUSec=10000 CPUQuotaPerSecUSec=500000 CPUWeight=7 MemoryHigh=65536 MemoryLow=1 MemoryMax=infinity MemoryMin=2 MemorySwapMax=0"},
		{`{"unified":{"cpu.max":"max","pids.max":"max","cpuset.cpus":"1","cpuset.mems":"0","io.max":"8:0 rbps=1"}}`, "",
			"CPUQuotaPerSecUSec=infinity AllowedCPUs=[2] AllowedMemoryNodes=[1] TasksMax=infinity"},
		{`{"unified":{"pids.max":"x"}}`, "", `cgroup: linux.resources.unified.pids.max: "x" is not a number`},
		{`{"unified":{"memory.max":"1kk"}}`, "", `cgroup: linux.resources.unified.memory.max: "1kk" is not a number`},
		{`{"unified":{"cpu.max":"0"}}`, "", `cgroup: linux.resources.unified.cpu.max: "0" is not a quota`},
		{`{"unified":{"cpu.max":"1 2 3"}}`, "", `cgroup: linux.resources.unified.cpu.max: "1 2 3" is not a quota and a period`},
		{`{"memory":{"limit":2,"swap":1}}`, "MemoryLimit=2", "cgroup: linux.resources.memory.swap: 1 is memory and swap together, and less than memory.limit 2"},
	} {
		for _, pure := range []bool{false, true} {
			want := tt.v1
			if pure {
				want = tt.v2
			}
			props, err := unitLimits(resources(t, tt.resources), pure, idleVersion)
			got := strings.ReplaceAll(strings.TrimSpace(text(props)), "\n", " ")
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, v2 %v: got %s, want %s", tt.resources, pure, got, want)
			}
		}
	}
	if props, err := unitLimits(resources(t, `{"cpu":{"idle":1}}`), true, idleVersion-1); err != nil || len(props) > 0 {
		t.Errorf("cpu.idle, which an old systemd does not know: %v, %v", props, err)
	}
	if props, err := unitLimits(nil, true, 0); err != nil || props != nil {
		t.Errorf("no resources: %v, %v", props, err)
	}
}

func TestPropertiesOfDevices(t *testing.T) {
	const defaults = "char-* m block-* m /dev/char/1:3 rwm /dev/char/1:8 rwm /dev/char/1:7 rwm /dev/char/5:0 rwm /dev/char/1:5 rwm " +
		"/dev/char/1:9 rwm /dev/char/5:1 rwm char-136 rwm /dev/char/5:2 rwm"
	for text1, want := range map[string]string{
		denyAll: "DeviceAllow=[" + defaults + "] DevicePolicy=strict",
		denyAll + `,{"allow":true,"type":"b","major":8,"minor":0,"access":"r"},{"allow":true,"type":"c","minor":229,"access":"rw"}`: "DeviceAllow=[/dev/block/8:0 r char-* rw " + defaults + "] DevicePolicy=strict",
		`{"allow":true,"access":"rwm"}`: "DeviceAllow=[] DevicePolicy=auto",
	} {
		props, err := deviceLimits(rules(t, text1))
		must(t, err)
		if got := strings.ReplaceAll(strings.TrimSpace(text(props)), "\n", " "); got != want {
			t.Errorf("%s: got  %s\nwant %s", text1, got, want)
		}
	}
}

func TestPropertiesOfAnnotations(t *testing.T) {
	props, err := annotated(map[string]string{
		"org.systemd.property.TimeoutStopUSec": "uint64 123456789",
		"org.systemd.property.TimeoutStopSec":  "2.5",
		"org.systemd.property.RuntimeMaxSec":   "uint64 18446744073709551615",
		"org.systemd.property.CollectMode":     "'inactive'",
		"org.systemd.property.After":           "['a.service', 'b.service']",
		"org.systemd.property.SendSIGHUP":      "true",
		"org.systemd.property.XSec":            "'left alone, as nothing small stands before Sec'",
		"org.systemd.properties":               "no property",
		"io.kubernetes.cri.container-type":     "container",
	})
	must(t, err)
	want := "After=[a.service b.service]\nCollectMode=inactive\nRuntimeMaxUSec=infinity\nSendSIGHUP=true\nTimeoutStopUSec=2500000\nTimeoutStopUSec=123456789\nXSec=left alone, as nothing small stands before Sec\n"
	if got := text(props); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for key, tt := range map[string]struct{ value, want string }{
		"org.systemd.property.X":              {"1", "is not the name of a property"},
		"org.systemd.property.Memory.Max":     {"1", "is not the name of a property"},
		"org.systemd.property.Slice":          {"a.slice", `cannot read "a.slice"`},
		"org.systemd.property.TimeoutStopSec": {"'long'", "is not a number of seconds"},
		"org.systemd.property.RuntimeMaxSec":  {"-1", "out of range"},
	} {
		_, err := annotated(map[string]string{key: tt.value})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), `cgroup: annotations["`+key) {
			t.Errorf("%s=%s: %v", key, tt.value, err)
		}
	}
}

func TestWhereSystemdIs(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(key string) string {
			i := slices.Index(pairs, key)
			if i < 0 {
				return ""
			}
			return pairs[i+1]
		}
	}
	for _, tt := range []struct {
		user   bool
		getenv func(string) string
		want   string
	}{
		{false, env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x"), "[{/run/systemd/private true} {/run/dbus/system_bus_socket false}]"},
		{true, env(), "[]"},
		{true, env("XDG_RUNTIME_DIR", "/r"), "[{/r/systemd/private true} {/r/bus false}]"},
		{true, env("DBUS_SESSION_BUS_ADDRESS", "tcp:host=x;unix:path=/a%20b%2cc,guid=7", "XDG_RUNTIME_DIR", "/r"), "[{/r/systemd/private true} {/a b,c false} {/r/bus false}]"},
		{true, env("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/dbus-x,guid=7"), "[{@/tmp/dbus-x false}]"},
		{true, env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/100%"), "[{/100% false}]"},
	} {
		if got := fmt.Sprint(busAddresses(tt.user, tt.getenv)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// noSystemd are sockets that are not there, or that nobody listens on.
func TestSystemdIsNotRunning(t *testing.T) {
	dir := t.TempDir()
	for name, sockets := range map[string][]busAddress{"no socket": {{dir + "/a", true}, {dir + "/b", false}}, "no address": {}} {
		u := &Unit{Name: "x.scope", sockets: sockets}
		if err := u.stop(); err == nil || err.Error() != "--systemd-cgroup: systemd is not running" {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	err := (&Unit{Name: "x.scope", sockets: []busAddress{{file, true}}}).stop()
	if want := "systemd: stop x.scope: --systemd-cgroup: connect to " + file + ": connection refused"; message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
