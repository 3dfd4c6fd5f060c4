package main

import (
	"fmt"
	"strings"
)

// An outcome is what a program of the suite said and did.
type outcome struct {
	code           int // exit code, -1 when the program had to be killed
	stdout, stderr string
}

// A tally is what TAP on stdout amounts to.
type tally struct {
	ok, notOK int
	errors    int // error blocks that belong to no passed assertion
}

// count reads TAP version 13 as tap-go writes it. A YAML block that follows
// a passed assertion may hold the error that was asserted; an error in any
// other block is how a program without assertions says that it failed.
func count(tap string) tally {
	var t tally
	excused := false // the block that may come next is a passed assertion's
	for line := range strings.Lines(tap) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "ok "):
			if !strings.Contains(line, "# SKIP") {
				t.ok++
			}
			excused = true
		case strings.HasPrefix(line, "not ok "):
			if !strings.Contains(line, "# TODO") {
				t.notOK++
			}
			excused = false
		case strings.HasPrefix(text, `"error":`) && !excused:
			t.errors++
		case text == "...":
			excused = false
		}
	}
	return t
}

// verdict is empty for a pass, else why the program did not pass.
func (o outcome) verdict(want int) string {
	t := count(o.stdout)
	var why []string
	if o.code != 0 {
		why = append(why, fmt.Sprintf("exit code %d", o.code))
	}
	if t.notOK > 0 {
		why = append(why, fmt.Sprintf("%d not ok", t.notOK))
	}
	if t.ok != want {
		why = append(why, fmt.Sprintf("%d ok of %d", t.ok, want))
	}
	if t.errors > 0 {
		why = append(why, fmt.Sprintf("%d error blocks", t.errors))
	}
	return strings.Join(why, ", ")
}

// text is what to show of a surprise: everything but passed assertions.
func (o outcome) text() string {
	var b strings.Builder
	passed := false
	for line := range strings.Lines(o.stdout) {
		switch {
		case strings.HasPrefix(line, "ok "):
			passed = true
		case strings.HasPrefix(line, "not ok "), strings.HasPrefix(line, "#"), strings.HasPrefix(line, "1.."):
			passed = false
		}
		if !passed {
			b.WriteString("    " + line)
		}
		if strings.TrimSpace(line) == "..." {
			passed = false
		}
	}
	for line := range strings.Lines(o.stderr) {
		b.WriteString("    stderr: " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}
