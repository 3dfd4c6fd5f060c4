package runtime

import (
	"encoding/json"
	"testing"
	"time"

	"minirun/tests/golden"
)

func someStates() []State {
	created := time.Date(2026, 11, 22, 4, 26, 10, 198259244, time.UTC)
	a := Record{ID: "c1", Pid: 4152, Bundle: "/b", Rootfs: "/b/rootfs", Created: created, Annotations: map[string]string{"k": "v"}}
	b := Record{ID: "a-much-longer-name", Pid: 4153, Bundle: "/other", Rootfs: "/r", Created: created.Add(time.Hour)}
	one, two := newState(&a, Created), newState(&b, Stopped)
	one.Owner, two.Owner = "root", "#1000"
	return []State{one, two}
}

func TestStateText(t *testing.T) {
	r := fullRecord()
	golden.Check(t, "state.json", newState(&r, Running).JSON())
	golden.Check(t, "state-stopped.json", newState(&r, Stopped).JSON())
}

func TestListText(t *testing.T) {
	golden.Check(t, "list.json", StatesJSON(someStates()))
	golden.Check(t, "list.table", StatesTable(someStates()))
	golden.Check(t, "list-empty.table", StatesTable(nil))
	if got := string(StatesJSON(nil)); got != "[]\n" {
		t.Errorf("no states: got %q", got)
	}
}

func TestStateIsJSON(t *testing.T) {
	for _, text := range [][]byte{someStates()[0].JSON(), someStates()[1].JSON(), StatesJSON(someStates())} {
		if !json.Valid(text) {
			t.Errorf("not JSON: %s", text)
		}
	}
}

func TestUserNameComesFromPasswd(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\n:x:7:7\n# comment\nbroken\nweb:x:1000:1000::/:/bin/false"
	for uid, want := range map[int]string{0: "root", 1000: "web", 7: "#7", 10: "#10"} {
		if got := userName(passwd, uid); got != want {
			t.Errorf("%d: got %s, want %s", uid, got, want)
		}
	}
}
