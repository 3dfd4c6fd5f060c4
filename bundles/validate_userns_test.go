package bundles

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// mapped is a config.json whose user namespace has these mappings, as
// "container host size" triples.
func mapped(path string, uids, gids [][3]uint32, change ...func(*specs.Spec)) *specs.Spec {
	list := func(triples [][3]uint32) (maps []specs.LinuxIDMapping) {
		for _, m := range triples {
			maps = append(maps, specs.LinuxIDMapping{ContainerID: m[0], HostID: m[1], Size: m[2]})
		}
		return maps
	}
	s := &specs.Spec{
		Version: "1.0.2", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"sh"}, Cwd: "/"},
		Linux: &specs.Linux{
			Namespaces:  []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.UserNamespace, Path: path}},
			UIDMappings: list(uids), GIDMappings: list(gids),
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func TestUserNamespacesAreValidated(t *testing.T) {
	one, all := [][3]uint32{{0, 1000, 1}}, [][3]uint32{{0, 100000, 65536}}
	user := func(uid, gid uint32, more ...uint32) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Process.User = specs.User{UID: uid, GID: gid, AdditionalGids: more} }
	}
	without := func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:1] }
	many := func(n uint32) (list [][3]uint32) {
		for i := range n {
			list = append(list, [3]uint32{2 * i, 2 * i, 1})
		}
		return list
	}
	for _, c := range []struct {
		name string
		spec *specs.Spec
		want string // "" is valid
	}{
		{"new", mapped("", all, all, user(65535, 0, 1, 2)), ""},
		{"the caller alone", mapped("", one, one), ""},
		{"joined", mapped("/proc/7/ns/user", nil, nil, user(5000, 5000)), ""},
		{"joined, with the mappings that containerd repeats", mapped("/proc/7/ns/user", all, all), ""},
		{"as many as the kernel takes", mapped("", many(340), all), ""},
		{"the last id", mapped("", [][3]uint32{{0, 4294967294, 1}}, all), ""},
		{"no mappings", mapped("", nil, nil), "linux.uidMappings: missing, a new user namespace needs it"},
		{"no group mappings", mapped("", all, nil), "linux.gidMappings: missing, a new user namespace needs it"},
		{"no namespace", mapped("", all, all, without), "linux.uidMappings: needs a user namespace, and linux.namespaces has none"},
		{"a size of 0", mapped("", [][3]uint32{{0, 1, 0}}, all), "linux.uidMappings[0].size: 0 maps nothing"},
		{"the container's ids overlap", mapped("", [][3]uint32{{0, 100, 10}, {20, 300, 1}, {9, 200, 5}}, all),
			"linux.uidMappings[2].containerID: overlaps with [0]"},
		{"the host's ids overlap", mapped("", all, [][3]uint32{{0, 100, 10}, {10, 109, 5}}), "linux.gidMappings[1].hostID: overlaps with [0]"},
		{"beyond the last id", mapped("", [][3]uint32{{0, 4294967295, 1}}, all), "linux.uidMappings[0].hostID: 4294967295 and a size of 1 go beyond"},
		{"beyond the last id of the container", mapped("", [][3]uint32{{0, 0, 1}, {4294967290, 1, 7}}, all), "linux.uidMappings[1].containerID: "},
		{"more than the kernel takes", mapped("", many(341), all), "linux.uidMappings: 341 mappings are more than the kernel's 340"},
		{"no root", mapped("", [][3]uint32{{1, 1000, 10}}, all), "linux.uidMappings: container id 0 is not mapped"},
		{"no root group", mapped("", all, [][3]uint32{{1, 1000, 10}}), "linux.gidMappings: container id 0 is not mapped"},
		{"user not mapped", mapped("", one, all, user(1, 0)), "process.user.uid: 1 is not mapped by linux.uidMappings"},
		{"group not mapped", mapped("", all, one, user(0, 1)), "process.user.gid: 1 is not mapped by linux.gidMappings"},
		{"a further group not mapped", mapped("", all, all, user(0, 0, 5, 65536)), "process.user.additionalGids[1]: 65536 is not mapped by"},
		{"sysctl of the namespace", mapped("", all, all, func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"user.max_ipc_namespaces": "3"} }), ""},
		{"sysctl of the host's namespace", mapped("", nil, nil, without, func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{"user.max_ipc_namespaces": "3"}
		}), `linux.sysctl: sysctl "user.max_ipc_namespaces" is not allowed in the host's user namespace`},
	} {
		err := Validate(c.spec)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRootlessConfig(t *testing.T) {
	s, err := Decode(RootlessConfig(1000, 1001))
	if err == nil {
		err = Validate(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	one := func(id uint32) []specs.LinuxIDMapping { return []specs.LinuxIDMapping{{HostID: id, Size: 1}} }
	if !reflect.DeepEqual(s.Linux.UIDMappings, one(1000)) || !reflect.DeepEqual(s.Linux.GIDMappings, one(1001)) {
		t.Errorf("mappings %v and %v", s.Linux.UIDMappings, s.Linux.GIDMappings)
	}
	if Namespace(s.Linux, specs.UserNamespace) == nil || Namespace(s.Linux, specs.NetworkNamespace) != nil || s.Linux.Resources != nil {
		t.Errorf("namespaces %v, resources %v", s.Linux.Namespaces, s.Linux.Resources)
	}
	for _, m := range s.Mounts {
		if slices.Contains(m.Options, "gid=5") || m.Destination == "/sys" && (m.Source != "/sys" || !slices.Contains(m.Options, "rro")) {
			t.Errorf("mount %+v", m)
		}
	}
	if err := json.Unmarshal(RootlessConfig(0, 0), new(specs.Spec)); err != nil {
		t.Error(err)
	}
}

func TestMapID(t *testing.T) {
	list := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 10}}
	for id, want := range map[uint32]uint32{0: 1000, 1: 100000, 10: 100009} {
		if got, ok := MapID(list, id); !ok || got != want {
			t.Errorf("%d: got %d, %v, want %d", id, got, ok, want)
		}
	}
	if got, ok := MapID(list, 11); ok {
		t.Errorf("11 is mapped to %d", got)
	}
}
