package runtime

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestResctrlGroupOfAConfig(t *testing.T) {
	for name, tc := range map[string]struct {
		rdt  specs.LinuxIntelRdt
		want resctrlGroup
		gone string // with the container
	}{
		"nothing": {specs.LinuxIntelRdt{}, resctrlGroup{Dir: "/r/web"}, "/r/web"},
		"its own, monitored": {specs.LinuxIntelRdt{EnableMonitoring: true, L3CacheSchema: "L3:0=f"},
			resctrlGroup{Dir: "/r/web", Monitor: "/r/web/mon_groups/web", Schema: "L3:0=f\n"}, "/r/web"},
		"a class": {specs.LinuxIntelRdt{ClosID: "gold"}, resctrlGroup{Dir: "/r/gold", Named: true}, ""},
		"the default class, monitored": {specs.LinuxIntelRdt{ClosID: "/", EnableMonitoring: true},
			resctrlGroup{Dir: "/r", Monitor: "/r/mon_groups/web", Named: true}, "/r/mon_groups/web"},
		"all schemas, in the order of the specification": {
			specs.LinuxIntelRdt{ClosID: "gold", Schemata: []string{"L2:0=1", "MB:0=30"}, MemBwSchema: "MB:0=20", L3CacheSchema: "L3:0=f"},
			resctrlGroup{Dir: "/r/gold", Schema: "L3:0=f\nMB:0=20\nL2:0=1\nMB:0=30\n", Named: true}, ""},
	} {
		g := newResctrlGroup("/r", "web", &tc.rdt)
		if *g != tc.want || g.delete() != tc.gone {
			t.Errorf("%s: %+v, %q goes", name, *g, g.delete())
		}
	}
}

func TestSchemataAreComparedByMeaning(t *testing.T) {
	const have = "    MB:0=100;1= 70\n    L3:0=007ff;1=1f\n"
	for schema, want := range map[string]string{
		"":                         "",
		"L3:0=7ff;1=1F\n":          "",
		"L3:1=01f;0=7ff\nMB:0=100": "",
		"MB:1=70\n":                "",
		"MB:1=71\n":                "MB:1=71",
		"L3:0=7ff\nL3:2=1\n":       "L3:2=1",
		"L2:0=1\n":                 "L2:0=1",
	} {
		if got := differences(schema, have); got != want {
			t.Errorf("%q: %q", schema, got)
		}
	}
}

func TestResctrlMount(t *testing.T) {
	const info = "22 1 0:21 / /proc rw - proc proc rw\n45 22 0:40 / /mnt/rdt rw,nosuid shared:3 - resctrl resctrl rw\n"
	if got := resctrlMount(info); got != "/mnt/rdt" {
		t.Errorf("%q", got)
	}
	if got := resctrlMount("22 1 0:21 / /resctrl rw - proc resctrl rw\n"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestSchemataOfUpdate(t *testing.T) {
	with := &Record{Resctrl: "/r/web"}
	for _, tc := range []struct {
		r         *Record
		l3, mb    string
		want, err string
	}{
		{with, "", "", "", ""},
		{&Record{}, "", "", "", ""},
		{with, "L3:0=f", "MB:0=20", "L3:0=f\nMB:0=20\n", ""},
		{&Record{}, "L3:0=f", "", "", "--l3-cache-schema: the container has no linux.intelRdt"},
		{with, "", "0=20", "", `--mem-bw-schema "0=20": want one line that begins with MB:: invalid argument`},
		{with, "L3:0=f\nMB:0=1", "", "", `--l3-cache-schema "L3:0=f\nMB:0=1": want one line that begins with L3: invalid argument`},
	} {
		got, err := updateSchemata(tc.r, tc.l3, tc.mb)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%q, %q: %q, %v", tc.l3, tc.mb, got, err)
		}
	}
}
