package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A report is what the machine said.
type report struct {
	Date    time.Time
	Commit  string
	Machine []string // "kernel 6.12.1", …
	Suites  []*result
	Ended   bool // guest came to its end
}

// A result is what became of a suite. Tests below another count by their names only.
type result struct {
	Name            string
	Passed          int
	Failed, Skipped []string
	Seconds         float64
	Ended           bool // the suite's last line came
	Exit            string
}

var verdictLine = regexp.MustCompile(`^( *)--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)`)

// read takes in one line.
func (r *report) read(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case word == "MACHINE":
		r.Machine = append(r.Machine, rest)
	case word == "SUITE":
		r.Suites = append(r.Suites, &result{Name: rest})
	case line == "END":
		r.Ended = true
	case len(r.Suites) > 0:
		r.Suites[len(r.Suites)-1].read(word, rest, line)
	}
}

func (s *result) read(word, rest, line string) {
	if word == "EXIT" {
		s.Ended, s.Exit = true, rest
		return
	}
	m := verdictLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	top := m[1] == ""
	switch {
	case m[2] == "FAIL":
		s.Failed = append(s.Failed, m[3])
	case m[2] == "SKIP":
		s.Skipped = append(s.Skipped, m[3])
	case top:
		s.Passed++
	}
	if top {
		var seconds float64
		fmt.Sscan(m[4], &seconds)
		s.Seconds += seconds
	}
}

// good tells that the suite came to its end and nothing failed.
func (s *result) good() bool { return s.Ended && s.Exit == "0" && len(s.Failed) == 0 && s.Passed > 0 }

// verdict is an error unless want suites ended well.
func (r *report) verdict(want int) error {
	for _, s := range r.Suites {
		if !s.good() {
			return fmt.Errorf("suite %s: exit %q, failed: %s", s.Name, s.Exit, strings.Join(s.Failed, " "))
		}
	}
	if !r.Ended || len(r.Suites) != want {
		return errors.New("the machine went off before the last suite")
	}
	return nil
}

// summary is a line for each suite.
func (r *report) summary() string {
	var b strings.Builder
	for _, s := range r.Suites {
		fmt.Fprintf(&b, "%-12s %s: %d passed, %d failed, %d skipped, %.0f s\n", s.Name, s.state(), s.Passed, len(s.Failed), len(s.Skipped), s.Seconds)
	}
	return b.String()
}

func (s *result) state() string {
	switch {
	case s.good():
		return "ok"
	case !s.Ended:
		return "cut off"
	}
	return "exit " + s.Exit
}

// markdown is RESULT.md.
func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# The last run of `make test-vm`\n\nWritten by it.\n\n")
	fmt.Fprintf(&b, "- %s, commit %s\n", r.Date.Format("2006-01-02 15:04 UTC"), r.Commit)
	for _, m := range r.Machine {
		fmt.Fprintf(&b, "- %s\n", m)
	}
	b.WriteString("\n| suite | | tests passed | failed | skipped | seconds |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
	for _, s := range r.Suites {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %.0f |\n", s.Name, s.state(), s.Passed, len(s.Failed), len(s.Skipped), s.Seconds)
	}
	for _, list := range []struct {
		title string
		of    func(*result) []string
	}{
		{"Failed", func(s *result) []string { return s.Failed }},
		{"Skipped", func(s *result) []string { return s.Skipped }},
	} {
		title := "\n" + list.title + ":\n\n"
		for _, s := range r.Suites {
			for _, name := range list.of(s) {
				fmt.Fprintf(&b, "%s- %s %s\n", title, s.Name, name)
				title = ""
			}
		}
	}
	if !r.Ended {
		b.WriteString("\nThe machine went off before the last suite.\n")
	}
	return b.String()
}
