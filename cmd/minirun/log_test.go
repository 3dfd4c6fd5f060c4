package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestErrorsGoToTheLogAndBareToStderr(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.json")
	at := []string{"--root", rootWith(t), "--log", log, "--log-format=json"}
	for range 2 {
		got := minirun(t, append(at, "kill", "c1", "9")...)
		if got != (result{1, "", "kill c1: container does not exist\n"}) {
			t.Errorf("got %+v", got)
		}
	}
	lines := logLines(t, log)
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2: the log is appended to", len(lines))
	}
	for _, line := range lines {
		// As go-runc decodes it: a time that is not RFC 3339 fails.
		var entry struct {
			Level, Msg string
			Time       time.Time
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Level != "error" || entry.Msg != "kill c1: container does not exist" || time.Since(entry.Time) > time.Minute {
			t.Errorf("got %+v", entry)
		}
	}
}

func logLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestSuccessLeavesTheLogEmpty(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if got := minirun(t, "--root", rootWith(t), "--log", log, "list", "-q"); got != (result{}) {
		t.Errorf("got %+v", got)
	}
	if text, err := os.ReadFile(log); err != nil || len(text) != 0 {
		t.Errorf("%q, %v", text, err)
	}
}

func TestALogThatCannotBeOpenedIsAnError(t *testing.T) {
	got := minirun(t, "--log", "/no/such/dir/log", "list")
	if got.code != 1 || got.stderr != "minirun: open /no/such/dir/log: no such file or directory\n" {
		t.Errorf("got %+v", got)
	}
}

func TestALogThatCannotBeWrittenIsAnError(t *testing.T) {
	got := minirun(t, "--root", rootWith(t), "--log", "/dev/full", "--debug", "list", "-q")
	if got.code != 1 || !strings.Contains(got.stderr, "no space left on device") {
		t.Errorf("got %+v", got)
	}
}

func TestJSONWithoutAFileGoesToStderr(t *testing.T) {
	got := minirun(t, "--root", rootWith(t), "--log-format", "json", "state", "c1")
	var entry map[string]string
	if err := json.Unmarshal([]byte(got.stderr), &entry); err != nil || entry["msg"] != "state c1: container does not exist" {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestDebugTellsOfEveryVerb(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	minirun(t, "--root", rootWith(t), "--log", log, "--debug", "delete", "-f", "c1")
	lines := logLines(t, log)
	if len(lines) != 1 || !strings.Contains(lines[0], `level=debug msg="delete c1 took `) {
		t.Errorf("got %q", lines)
	}
}

func TestWarningsAreMarked(t *testing.T) {
	root := rootWith(t, "c1")
	if err := os.WriteFile(filepath.Join(root, "c1", "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := minirun(t, "--root", root, "list", "-q")
	if got.code != 0 || !strings.HasPrefix(got.stderr, "minirun: warning: c1: ") {
		t.Errorf("got %+v", got)
	}
	log := filepath.Join(t.TempDir(), "log")
	if got := minirun(t, "--root", root, "--log", log, "list", "-q"); got != (result{}) {
		t.Errorf("got %+v", got)
	}
	if lines := logLines(t, log); len(lines) != 1 || !strings.Contains(lines[0], "level=warning") {
		t.Errorf("got %q", lines)
	}
}

func TestLogLines(t *testing.T) {
	at := time.Date(2026, 11, 22, 5, 22, 37, 999, time.FixedZone("", 3600))
	msg := oneLine(errors.Join(errors.New(`open "x"`), errors.New("b\x01")).Error())
	for got, want := range map[string]string{
		string(logJSON(at, "error", msg)): `{"level":"error","msg":"open \"x\"; b\u0001","time":"2026-11-22T04:22:37Z"}`,
		string(logText(at, "error", msg)): `time="2026-11-22T04:22:37Z" level=error msg="open \"x\"; b\x01"`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
