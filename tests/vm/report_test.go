package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const said = `MACHINE kernel 6.12
MACHINE systemd 257
noise from nobody
SUITE cgroups
=== RUN   TestA
--- PASS: TestA (1.50s)
    --- PASS: TestA/sub (1.00s)
    x_test.go:7: a word about it
--- SKIP: TestB (0.00s)
EXIT 0
SUITE pid1
--- PASS: TestC (0.50s)
--- FAIL: TestD (0.25s)
    --- FAIL: TestD/sub (0.25s)
EXIT 1
SUITE cut
--- PASS: TestE (0.00s)
`

func heard(text string) *report {
	r := &report{Date: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC), Commit: "0123456789ab"}
	for line := range strings.Lines(text) {
		r.read(strings.TrimSuffix(line, "\n"))
	}
	return r
}

func TestReportOfARun(t *testing.T) {
	want := `# The last run of ` + "`make test-vm`" + `

Written by it.

- 2026-11-22 09:30 UTC, commit 0123456789ab
- kernel 6.12
- systemd 257

| suite | | tests passed | failed | skipped | seconds |
| --- | --- | ---: | ---: | ---: | ---: |
| cgroups | ok | 1 | 0 | 1 | 2 |
| pid1 | exit 1 | 1 | 2 | 0 | 1 |
| cut | cut off | 1 | 0 | 0 | 0 |

Failed:

- pid1 TestD
- pid1 TestD/sub

Skipped:

- cgroups TestB

The machine went off before the last suite.
`
	if got := heard(said).markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOnlyAWholeRunIsGood(t *testing.T) {
	good := "SUITE a\n--- PASS: TestA (0.01s)\nEXIT 0\nEND\n"
	if err := heard(good).verdict(1); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"nothing":      "",
		"no end":       strings.TrimSuffix(good, "END\n"),
		"no test":      "SUITE a\nEXIT 0\nEND\n",
		"failed":       "SUITE a\n--- PASS: TestA (0.01s)\n--- FAIL: TestB (0.01s)\nEXIT 1\nEND\n",
		"killed":       "SUITE a\n--- PASS: TestA (0.01s)\nEXIT 124\nEND\n",
		"cut off":      "SUITE a\n--- PASS: TestA (0.01s)\nEND\n",
		"one too many": good + good,
	} {
		if heard(text).verdict(1) == nil {
			t.Errorf("%s is good", name)
		}
	}
}

func TestSuitesNameTestsThatExist(t *testing.T) {
	t.Chdir("../..")
	for _, s := range suites() {
		line, err := s.line()
		if err != nil {
			t.Error(err)
		}
		if s.files != "" && strings.Count(line, "|") < len(strings.Fields(s.files)) {
			t.Errorf("%s: %s", s.name, line)
		}
	}
}

// elsewhere are the files of tests that no suite runs: their answer depends
// neither on the kernel nor on cgroup v2 nor on systemd, or the machine lacks
// what they need, or would take an hour for a thousand containers. Those of
// observe switch tracepoints without end, raw_syscalls among them, and the
// kernel's patches of its own code have brought an emulated machine of two
// processors down. Helpers have no test.
var elsewhere = strings.Fields(`
	cli complaints complaints_table count debian engines exec_security fault_linux hostile_linux lab label log main many
	observe observe_bystander observe_flag observe_live observe_sources observe_watch observe_witness
	repo seccomp_agent_unsafe sigqueue_unsafe stop_helper`)

// A file that is split, or new, is not forgotten.
func TestEveryFileOfTestsIsInASuiteOrElsewhere(t *testing.T) {
	known := map[string]bool{}
	for _, f := range elsewhere {
		known[f] = true
	}
	for _, s := range suites() {
		for f := range strings.FieldsSeq(s.files) {
			known[f] = true
		}
	}
	files, err := filepath.Glob("../*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), "_test.go")
		if !known[name] {
			t.Errorf("%s: in no suite, and not elsewhere", name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("%s: there is no such file", name)
	}
}
