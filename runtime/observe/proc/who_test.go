package proc

import (
	"reflect"
	"testing"
)

const status = "Name:\ta) (b\nUmask:\t0022\nState:\tZ (zombie)\nTgid:\t4711\nNgid:\t0\nPid:\t4712\nPPid:\t17\nNStgid:\t4711\t5\t1\nNSpid:\t4712\t6\t2\n"

func TestAStatusSaysWhoATaskIs(t *testing.T) {
	w, err := parseWho([]byte(status))
	want := who{name: "a) (b", state: 'Z', tgid: 4711, parent: 17, inner: []int32{4711, 5, 1}}
	if err != nil || !reflect.DeepEqual(w, want) {
		t.Errorf("%+v, %v", w, err)
	}
	for _, text := range []string{"", "Tgid:\t1\n", "Tgid:\tx\nNStgid:\t1\n", "Tgid:\t1\nNStgid:\t1\tx\n"} {
		if w, err := parseWho([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, w)
		}
	}
}

// A process chooses its name, also one of several lines.
func TestANameIsWhatTheProcessCallsItself(t *testing.T) {
	for escaped, want := range map[string]string{`a\nb`: "a\nb", `a\\nb`: `a\nb`, `\\\n`: "\\\n", `\`: `\`, "": ""} {
		if got := unescape(escaped); got != want {
			t.Errorf("%q: %q, want %q", escaped, got, want)
		}
	}
}

func FuzzWho(f *testing.F) {
	f.Add([]byte(status))
	f.Fuzz(func(t *testing.T, text []byte) {
		if w, err := parseWho(text); err == nil && (w.tgid == 0 || len(w.inner) == 0) {
			t.Errorf("%+v", w)
		}
	})
}

func TestWhoIsInAGroup(t *testing.T) {
	const text = "5:pids:/minirun/web/sub\n2:cpu,cpuacct:/\n0::/user.slice\n"
	for _, c := range []struct {
		dir  string
		want bool
	}{
		{"/sys/fs/cgroup/pids/minirun/web", true},
		{"/sys/fs/cgroup/pids/minirun/web/sub", true},
		{"/sys/fs/cgroup/user.slice", true},
		{"/sys/fs/cgroup/pids/minirun/we", false},
		{"/sys/fs/cgroup/pids/other", false},
		{"/sys/fs/cgroup/cpu/", false},
	} {
		if got := inGroups([]byte(text), []string{"/x", c.dir}); got != c.want {
			t.Errorf("%s: %v", c.dir, got)
		}
	}
	if inGroups([]byte("0::relative\n0::/\n:\n\n"), []string{"/", "relative"}) {
		t.Error("the root group is everybody's")
	}
}
