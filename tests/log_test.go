package tests

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"minirun/tests/rig"
)

// entry is one line of log.json as containerd's shim decodes it.
type entry struct {
	Level string
	Msg   string
	Time  time.Time
}

func entries(t *testing.T, path string) []entry {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for line := range strings.Lines(string(data)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func TestLogIsJSONAndAppended(t *testing.T) {
	r := rig.New(t)
	log := r.Write("log.json", `{"level":"info","msg":"earlier","time":"2026-01-01T00:00:00Z"}`+"\n", 0o644)
	for _, global := range [][]string{{"--log", log, "--log-format", "json"}, {"--log=" + log, "--log-format=json"}} {
		r.Global = global
		x := r.Do("state", "nobody")
		if x.Code != 1 {
			t.Errorf("code %d, not 1", x.Code)
		}
		if r.Runtime.Kind != rig.Crun && (!strings.HasSuffix(x.Stderr, "container does not exist\n") || strings.Contains(x.Stderr, "level=")) {
			t.Errorf("stderr %q: with --log it is the bare message", x.Stderr)
		}
	}
	got := entries(t, log)
	if len(got) != 3 {
		t.Fatalf("%d entries, not 3: %v", len(got), got)
	}
	for _, e := range got[1:] {
		if e.Level != "error" || e.Msg == "" || time.Since(e.Time).Abs() > time.Hour {
			t.Errorf("entry %+v", e)
		}
	}
	if got[0].Msg != "earlier" {
		t.Errorf("the first entry is now %+v", got[0])
	}
}

// The last error of the log is what the shim shows its user.
func TestLogOfAFailedCreate(t *testing.T) {
	r := rig.New(t)
	log := r.Path("log.json")
	r.Global = []string{"--log", log, "--log-format", "json"}
	c := r.Container(rig.Args("/no/such/program"))
	if x := c.Create(); x.Code != 1 {
		t.Errorf("code %d, not 1", x.Code)
	}
	got := entries(t, log)
	if len(got) == 0 {
		t.Fatal("no entry")
	}
	if last := got[len(got)-1]; last.Level != "error" || !strings.Contains(strings.ToLower(last.Msg), "no such file or directory") {
		t.Errorf("last entry %+v", last)
	}
}

// JSON has to be right whatever the message quotes.
func TestLogEscapesWhatItQuotes(t *testing.T) {
	r := rig.New(t)
	log := r.Path("log.json")
	r.Global = []string{"--log", log, "--log-format", "json"}
	c := r.Container(rig.Args("/no \"such\"\n\tprogram\\ \x01 ü"))
	c.Create()
	if got := entries(t, log); len(got) == 0 || !strings.Contains(got[len(got)-1].Msg, `such`) {
		t.Errorf("entries %+v", got)
	}
}

func TestSuccessLeavesTheLogEmpty(t *testing.T) {
	r := rig.New(t)
	log := r.Path("log.json")
	r.Global = []string{"--log", log, "--log-format", "json"}
	c := r.Container(rig.Sh("exit 0"))
	c.MustCreate().MustStart()
	c.WaitStopped()
	c.MustDelete()
	if data, err := os.ReadFile(log); err != nil || len(data) > 0 {
		t.Errorf("log %q, %v", data, err)
	}
}

func TestTextLogIsLogfmt(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "its text format is its own")
	log := r.Path("log")
	r.Global = []string{"--log", log}
	r.Do("state", "nobody")
	if got := r.Read(log); !strings.HasPrefix(got, `time="`) || !strings.Contains(got, ` level=error msg="`) || !strings.HasSuffix(got, "container does not exist\"\n") {
		t.Errorf("log %q", got)
	}
}

func TestDebugIsAccepted(t *testing.T) {
	r := rig.New(t)
	log := r.Path("log.json")
	r.Global = []string{"--debug", "--log", log, "--log-format", "json"}
	c := r.Container(rig.Sh("exit 3"))
	if x := c.Run(); x.Code != 3 {
		t.Errorf("code %d, not 3: %s", x.Code, x.Stderr)
	}
	entries(t, log) // every line of it is JSON
}
