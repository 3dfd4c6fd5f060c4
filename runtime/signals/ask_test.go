package signals

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

// ask runs the verb's command line.
func ask(t *testing.T, line string) (string, error) {
	t.Helper()
	var k Ask
	fs := flag.NewFlagSet("signals", flag.ContinueOnError)
	k.Flags(fs)
	if err := fs.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := k.Lines(&out, fs.Args())
	return out.String(), err
}

func TestVerdictLines(t *testing.T) {
	for line, want := range map[string]string{
		"--target init --sender inside KILL": `{"signal":9,"name":"SIGKILL","result":1,"action":"ignored","reason":"ignored: PID 1 takes SIGKILL only from outside its PID namespace"}`,
		"--target process TERM":              `{"signal":15,"name":"SIGTERM","result":0,"action":"fatal","reason":"fatal: the default action of SIGTERM is to end the process"}`,
		"--blocked --disposition handler 10": `{"signal":10,"name":"SIGUSR1","result":0,"action":"pending","after_unblock":"handler","reason":"pending: PID 1 blocks SIGUSR1; when unblocked it is handled"}`,
		"--waiting RTMIN+1":                  `{"signal":35,"name":"SIGRTMIN+1","result":0,"action":"consumable","reason":"consumable: PID 1 waits for SIGRTMIN+1 in sigtimedwait"}`,
		"--traced --disposition handler HUP": `{"signal":1,"name":"SIGHUP","result":0,"action":"handler","tracer_first":true,"reason":"handler: PID 1 has a handler for SIGHUP; if that resets it and raises it again, nothing happens (the tracer sees it first)"}`,
		"--dying KILL":                       `{"signal":9,"name":"SIGKILL","result":1,"action":"ignored","reason":"ignored: PID 1 is already dying"}`,
		"--how fault --disposition ign SEGV": `{"signal":11,"name":"SIGSEGV","result":0,"action":"fatal_core","reason":"fatal_core: SIGSEGV from a fault of its own cannot be blocked or ignored, and ends PID 1"}`,
	} {
		got, err := ask(t, line)
		if err != nil || got != want+"\n" {
			t.Errorf("%s:\n got %s %v\nwant %s", line, got, err, want)
		}
	}
}

func TestVerdictLinesTabulateTheWholeRule(t *testing.T) {
	got, err := ask(t, "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(strings.NewReader(got)); lines.Scan(); n++ {
		var v struct {
			Signal       int
			Name, Reason string
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil || v.Signal != n+1 || v.Name != Name(n+1) || v.Reason == "" {
			t.Errorf("line %d: %s: %v", n+1, lines.Text(), err)
		}
	}
	if n != Last {
		t.Errorf("%d lines, want %d", n, Last)
	}
}

func TestVerdictLinesRefuseOtherWords(t *testing.T) {
	for line, want := range map[string]string{
		"--target shim TERM":     `target "shim": not one of ["process" "init"]`,
		"--sender host TERM":     `sender "host": not one of ["outside" "inside"]`,
		"--how mail TERM":        `how "mail": not one of ["kill" "sigqueue" "kernel" "timer" "io" "fault"]`,
		"--disposition off TERM": `disposition "off": not one of ["dfl" "ign" "handler"]`,
		"TERM NOSUCH":            `signal "NOSUCH": not a name or a number of 0 to 64: invalid argument`,
		"0":                      `signal "0": sends nothing, it only checks that the process exists`,
	} {
		if got, err := ask(t, line); err == nil || err.Error() != want || got != "" {
			t.Errorf("%s: %q, %v, want %s", line, got, err, want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestVerdictLinesReportAWriteThatFails(t *testing.T) {
	k := Ask{Target: "init", Sender: "inside", How: "kill", Disposition: "dfl"}
	if err := k.Lines(brokenPipe{}, []string{"TERM"}); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
