package runtime

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"minirun/cgroups"
	"minirun/tests/golden"
)

func fullRecord() Record {
	return Record{
		OCIVersion:  "1.0.2-dev",
		ID:          "web",
		Bundle:      "/b/web",
		Rootfs:      "/b/web/rootfs",
		Created:     time.Date(2026, 11, 22, 4, 26, 10, 198259244, time.UTC),
		Started:     time.Date(2026, 11, 22, 4, 26, 11, 0, time.UTC),
		Annotations: map[string]string{"org.example/text": "two\nlines, \"quoted\" \\ \x01", "a": ""},
		Owner:       1000,
		Creating:    true,
		Pid:         4152,
		StartTime:   1<<63 + 1,
		BootID:      "5f0d3b0c-2f2b-4d8e-9f5e-3c1c1c6a3b11",
		PidNS:       4026532281,
		OwnPidNS:    true,
		Cgroups:     map[string]string{"": "/sys/fs/cgroup/unified/web", "cpu": "/sys/fs/cgroup/cpu,cpuacct/web"},
		Unit:        &cgroups.Unit{Name: "minirun-web.scope", User: true},
		ImageDev:    1,
		ImageIno:    1<<64 - 1,
		Steps:       60,
		LateSteps:   map[string]string{"58": "the user's program"},

		Listener: "/run/agent.sock", ListenerMetadata: "m=1",
		Resctrl: "/sys/fs/resctrl/a", ResctrlMonitor: "/sys/fs/resctrl/a/mon_groups/web", ResctrlDelete: "/sys/fs/resctrl/a/mon_groups/web",
	}
}

func TestRecordIsReadBackAsItWasWritten(t *testing.T) {
	for name, r := range map[string]Record{"full": fullRecord(), "claimed": {ID: "web", Creating: true}} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeRecord(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, r) {
				t.Errorf("got  %+v\nwant %+v", *got, r)
			}
		})
	}
}

// Whoever adds a field has to write and read it.
func TestFullRecordHasNoZeroField(t *testing.T) {
	v := reflect.ValueOf(fullRecord())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not covered by the round trip", v.Type().Field(i).Name)
		}
	}
}

func TestStateFileIsStable(t *testing.T) {
	r := fullRecord()
	golden.Check(t, "record.json", r.Encode())
}

func TestDecodeRecordNamesWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``:                        "cannot parse",
		`{`:                       "cannot parse",
		`[]`:                      "want an object",
		`{"pid":"7"}`:             "pid: ",
		`{"pid":-1}`:              "pid: -1 is negative",
		`{"pid":1.5}`:             "pid: ",
		`{"startTime":-1}`:        "startTime: ",
		`{"id":7}`:                "id: ",
		`{"creating":"yes"}`:      "creating: ",
		`{"created":"yesterday"}`: "created: ",
		`{"cgroups":[]}`:          "cgroups: ",
		`{"cgroups":{"cpu":1}}`:   "cgroups.cpu: ",
	} {
		_, err := DecodeRecord([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestDecodeRecordIgnoresWhatItDoesNotKnow(t *testing.T) {
	r, err := DecodeRecord([]byte(`{"id":"c1","pid":null,"later":{"a":[1]}}`))
	if err != nil || r.ID != "c1" || r.Pid != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// FuzzRecord: no text makes the decoder panic, what it accepts is read back
// the same, and what is written is JSON for others as well.
func FuzzRecord(f *testing.F) {
	r := fullRecord()
	f.Add(r.Encode())
	f.Add([]byte(`{"id":"\ud800","annotations":{"\u0000":"\\"},"created":"2026-11-22T04:26:10+01:00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := DecodeRecord(text)
		if err != nil {
			return
		}
		out := r.Encode()
		if !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
		again, err := DecodeRecord(out)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if string(again.Encode()) != string(out) {
			t.Fatalf("got  %s\nwant %s", again.Encode(), out)
		}
	})
}
