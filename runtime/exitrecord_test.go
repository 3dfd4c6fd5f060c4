package runtime

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// status is a wait status: a code, or minus a signal.
func status(n int) unix.WaitStatus {
	if n < 0 {
		return unix.WaitStatus(-n)
	}
	return unix.WaitStatus(n << 8)
}

func TestTheReasonSaysWhoseDoingItWas(t *testing.T) {
	term, killed := Intent{Signal: 15}, Intent{Signal: 15, Killed: true, OOMKills: 2}
	for _, c := range []struct {
		status  int
		stopped Intent
		oom     uint64
		want    Reason
		words   string
	}{
		{0, Intent{}, 0, Exited, "0: it exited so by itself"},
		{3, Intent{}, 1, Exited, "3: it exited so by itself"}, // a child was the victim
		{137, Intent{}, 0, Exited, "137: it exited so by itself, as a shell does whose child was killed by SIGKILL"},
		{143, term, 0, Asked, "143: it took stop's SIGTERM and exited by itself"},
		{0, term, 0, Asked, "0: it took stop's SIGTERM and exited by itself"},
		{0, killed, 2, Asked, "0: it took stop's SIGTERM and exited by itself"}, // SIGKILL came too late
		{-15, term, 0, Asked, "143: ended by stop's SIGTERM"},
		{-15, Intent{}, 0, Signaled, "143: killed by SIGTERM"},
		{-11, term, 0, Signaled, "139: killed by SIGSEGV"},
		{-(11 | 0x80), Intent{}, 0, Signaled, "139: killed by SIGSEGV (core dumped)"},
		{-9, Intent{}, 0, Killed, "137: ended by a SIGKILL that was not stop's"},
		{-9, term, 0, Killed, "137: ended by a SIGKILL that was not stop's"},
		{-9, Intent{}, 1, OOM, "137: the kernel killed it for want of memory"},
		{-9, killed, 2, Stop, "137: ended by stop's SIGKILL"}, // those two were killed before
		{-9, killed, 3, OOM, "137: the kernel killed it for want of memory"},
	} {
		e := ExitRecord{Status: status(c.status), Stopped: c.stopped}
		e.Reason = reasonOf(e.Status, c.stopped, c.oom)
		if e.Reason != c.want || e.Words() != c.words {
			t.Errorf("status %d, %+v, %d OOM kills: %s, %q; want %s, %q", c.status, c.stopped, c.oom, e.Reason, e.Words(), c.want, c.words)
		}
	}
}

func TestExitRecordsReadBackAsWritten(t *testing.T) {
	when := time.Date(2026, 11, 22, 6, 0, 0, 123456789, time.UTC)
	full := ExitRecord{
		ID: "a\"b", Pid: 7, Start: 1 << 60, BootID: "boot", Status: status(-(11 | 0x80)), Reason: Signaled,
		Stopped: Intent{Signal: 15, Killed: true, OOMKills: 4}, Created: when, Started: when.Add(1), Ended: when.Add(time.Second), EndedBoot: 5 * time.Second, Watched: true,
		Pids: &cgroups.PidsStat{Max: cgroups.NoLimit, Peak: 9, Refused: 3}, Memory: &cgroups.MemoryEvents{OOM: 1, OOMKill: 2},
	}
	unknown := ExitRecord{ID: "x", Reason: Unknown, Created: when, Ended: when}
	for _, e := range []ExitRecord{full, unknown} {
		for _, indent := range []string{"", "  "} {
			text := e.JSON(indent)
			if !json.Valid(text) {
				t.Errorf("not JSON: %s", text)
			}
			got, err := DecodeExit(text)
			if err != nil || !reflect.DeepEqual(*got, e) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, e)
			}
		}
	}
	for key, want := range map[string]any{"code": 139., "signal": 11., "signalName": "SIGSEGV", "core": true, "oom": false, "reason": "signaled"} {
		var m map[string]any
		if err := json.Unmarshal(full.JSON(""), &m); err != nil || m[key] != want {
			t.Errorf("%s is %v, not %v (%v)", key, m[key], want, err)
		}
	}
	if text := string(unknown.JSON("")); strings.Contains(text, `"code"`) || !strings.Contains(text, `"known":false`) {
		t.Errorf("an unknown exit has a code: %s", text)
	}
}

func TestDamagedExitRecordsAreErrors(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"id":3}`, `{"pids":3}`, `{"memory":{"oom":"x"}}`, `{"stop":{"signal":"x"}}`, `{"pids":{"max":"x"}}`} {
		if e, err := DecodeExit([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, e)
		}
	}
}

func FuzzDecodeExit(f *testing.F) {
	e := ExitRecord{ID: "c", Status: status(3), Reason: Exited, Stopped: Intent{Signal: 15}, Pids: &cgroups.PidsStat{Max: 3}}
	f.Add(e.JSON(""))
	f.Add([]byte(`{"pids":{},"memory":{},"stop":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := DecodeExit(text)
		if err != nil {
			return
		}
		again, err := DecodeExit(e.JSON("  "))
		if err != nil {
			t.Fatalf("%q: what was written does not read back: %v", text, err)
		}
		if again.Reason != e.Reason || again.Pid != e.Pid || again.Stopped != e.Stopped {
			t.Fatalf("%q: %+v became %+v", text, e, again)
		}
	})
}
