package bundles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestAnOddButRightConfigIsAccepted(t *testing.T) {
	for _, patch := range []string{
		`{}`,
		`{"ociVersion":"1.0.2-dev"}`,
		`{"ociVersion":"1.99.0+build"}`,
		`{"hostname":null}`,
		`{"hostname":null,"linux":null,"mounts":null}`,
		`{"process":{"terminal":false,"consoleSize":{"height":70000,"width":1}}}`,
		`{"process":{"consoleSize":{"height":33,"width":99},"env":[],"oomScoreAdj":-1000}}`,
		`{"process":{"env":["A="],"user":{"umask":511,"additionalGids":[4294967294]}}}`,
		`{"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":18446744073709551615,"hard":18446744073709551615}]}}`,
		`{"process":{"apparmorProfile":"","selinuxLabel":""},"linux":{"mountLabel":"","uidMappings":[],"timeOffsets":{}}}`,
		`{"mounts":[{"destination":"relative","type":"tmpfs"}]}`,
		`{"mounts":[{"destination":"/a","source":"rel","type":"none","options":["rbind","rro","rslave","nosuid"]}]}`,
		`{"mounts":[{"destination":"/a","source":"/b","type":"bind"}]}`,
		`{"mounts":[{"destination":"/a","source":"/b","options":["bind","rw","async"]}]}`,
		`{"mounts":[{"destination":"/a","options":["remount","ro"]}]}`,
		`{"mounts":[{"destination":"/a","options":["remount","bind","ro"]}]}`,
		`{"mounts":[{"destination":"/a","type":"tmpfs","options":["tmpcopyup","size=1k"]}]}`,
		`{"hooks":{"poststop":[{"path":"/h","args":[],"timeout":1}]}}`,
		`{"linux":{"namespaces":[{"type":"uts","path":"/proc/1/ns/uts"},{"type":"mount"}]}}`,
		`{"linux":{"devices":[{"path":"/dev/x","type":"c","major":1,"minor":3,"fileMode":8630},{"path":"/dev/y","type":"p"},{"path":"/dev/z","type":"b","major":4095,"minor":1048575}]}}`,
		`{"linux":{"sysctl":{"net.ipv4.conf.eth0/1.forwarding":"1","net/ipv4/ping_group_range":"0 0","kernel.sem":"1","kernel.domainname":"x","fs.mqueue.msg_max":"1"}}}`,
		`{"linux":{"cgroupsPath":"a/..b/c"}}`,
		`{"linux":{"rootfsPropagation":"rshared"}}`,
		`{"linux":{"resources":{"memory":{"limit":0,"swap":0},"cpu":{"quota":-1,"idle":1},"pids":{"limit":0},"blockIO":{"weight":0}}}}`,
		`{"linux":{"resources":{"memory":{"limit":10,"swap":-1},"pids":{"limit":-1},"hugepageLimits":[{"pageSize":"2MB"},{"pageSize":"1GB"}],"unified":{"memory.high":"1"}}}}`,
		`{"linux":{"resources":{"devices":[{"allow":true,"type":"a","major":-1,"minor":-1,"access":"rwm"}],"rdma":{"mlx":{"hcaHandles":1}},"network":{"classID":1}}}}`,
		`{"annotations":{"org.opencontainers.x":""}}`,
	} {
		if err := load(t, patched(t, patch)); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
}

func TestRecordedConfigsAreValid(t *testing.T) {
	for name, data := range readConfigs(t) {
		switch {
		case strings.HasSuffix(name, "-process.json"):
			if p, err := DecodeProcess(data); err != nil || ValidateProcess(p) != nil {
				t.Errorf("%s: %v, %v", name, err, ValidateProcess(p))
			}
			continue
		case strings.HasSuffix(name, "-resources.json"):
			if r, err := DecodeResources(data); err != nil || ValidateResources(r) != nil {
				t.Errorf("%s: %v, %v", name, err, ValidateResources(r))
			}
			continue
		}
		spec, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := Validate(spec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExecAndUpdateNameTheirOwnObject(t *testing.T) {
	p, err := DecodeProcess([]byte(`{"cwd":"/","args":["sh"],"capabilities":{"bounding":["CAP_FOO"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ValidateProcess(p).Error(), `process.capabilities.bounding[0]: unknown capability "CAP_FOO"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p = &specs.Process{Cwd: "/", Args: []string{"sh"}, Scheduler: &specs.Scheduler{}}
	if got, want := ValidateProcess(p).Error(), "process.scheduler.policy: missing"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = DecodeProcess([]byte(`{"args":[1]}`))
	if want := "process.args[0]: want a string, got a number"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = DecodeResources([]byte(`{"pids":{"limit":1.5}}`))
	if want := "resources.pids.limit: want an integer, got 1.5"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	limit := int64(-2)
	err = ValidateResources(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}})
	if want := "resources.pids.limit: -2 is out of range (at least -1)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLoadMakesTheDirectoryAbsolute(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), DefaultConfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(dir))
	b, err := Load(filepath.Base(dir))
	if err != nil || b.Dir != dir || b.Spec.Hostname != "minirun" {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestLoadTellsAMissingBundleFromAMissingConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dir, want string
		errno     error
	}{
		{dir, "bundle: open " + dir + "/config.json: no such file or directory", fs.ErrNotExist},
		{dir + "/none", "bundle: stat " + dir + "/none: no such file or directory", fs.ErrNotExist},
		{file, "bundle: open " + file + "/config.json: not a directory", syscall.ENOTDIR},
	} {
		_, err := Load(tc.dir)
		if err == nil || err.Error() != tc.want || !errors.Is(err, tc.errno) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

// The default is that of runc with these differences: its version and
// hostname, a cgroup namespace, and no ambient capabilities, which without
// inheritable ones the kernel refuses to raise (runc today has none either).
func TestTheDefaultConfigIsThatOfRunc(t *testing.T) {
	data, err := os.ReadFile("testdata/runc-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want.Version, want.Hostname = "1.3.0", "minirun"
	want.Linux.Namespaces = append(want.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	want.Process.Capabilities.Ambient = nil
	got, err := Decode(DefaultConfig())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnIDIsTheNameOfADirectory(t *testing.T) {
	for _, id := range []string{"a", "_", "-", "+", "0", "Az09_+-.", "a..b", strings.Repeat("x", 255)} {
		if err := ValidateID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, tc := range []struct{ id, want string }{
		{"", `container id: empty`},
		{".", `container id ".": want letters, digits and _ + - . (no dot first)`},
		{"..", `container id "..": want letters, digits and _ + - . (no dot first)`},
		{".a", `container id ".a": want letters, digits and _ + - . (no dot first)`},
		{"a/b", `container id "a/b": want letters, digits and _ + - . (no dot first)`},
		{"a b", `container id "a b": want letters, digits and _ + - . (no dot first)`},
		{"a\x00", `container id "a\x00": want letters, digits and _ + - . (no dot first)`},
		{"é", `container id "é": want letters, digits and _ + - . (no dot first)`},
		{strings.Repeat("x", 256), `container id "xxxxxxxxxxxxxxxx"...: longer than 255 bytes`},
	} {
		if err := ValidateID(tc.id); err == nil || err.Error() != tc.want {
			t.Errorf("%q\n got %v\nwant %s", tc.id, err, tc.want)
		}
	}
}

func TestSysctlPath(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.ip_forward":             "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":             "net/ipv4/ip_forward",
		"net.ipv4.conf.eth0/1.forwarding": "net/ipv4/conf/eth0.1/forwarding",
		"net/ipv4/conf/eth0.1/forwarding": "net/ipv4/conf/eth0.1/forwarding",
		"kernel":                          "kernel",
		"":                                "",
	} {
		if got := SysctlPath(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
