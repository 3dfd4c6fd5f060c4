package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// A program of the suite, and how many assertions a perfect runtime passes.
type program struct {
	name string
	ok   int
}

//go:embed testdata/expected.tsv
var table string

// targets are the programs that a runtime can pass on a host of this kind.
func targets() ([]program, error) {
	var list []program
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "target" {
			continue
		}
		ok, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, fmt.Errorf("expected.tsv: %s: %w", f[0], err)
		}
		list = append(list, program{f[0], ok})
	}
	return list, nil
}

// expectedFailure is why a program need not pass, empty for those that have to.
func expectedFailure(name string) string {
	if name == "delete" {
		return "on purpose: delete of a created container deletes it, as runc's does and containerd needs"
	}
	return ""
}

// attempts is how often a program may try. Two of them race with the
// container, and lose on a busy machine whatever the runtime does: killsig
// signals a shell that may not have reached its trap yet, and as PID 1 ignores
// the signal; poststart compares a line of the program with one of the hook
// that is started after the program was executed, not after its line.
func attempts(name string) int {
	if name == "killsig" || name == "poststart" {
		return 5
	}
	return 1
}

// report is the line about a program whose verdict is why, empty for a pass,
// and whether that is a surprise; expected is why it need not pass.
func report(p program, expected, why string) (line string, surprise bool) {
	switch {
	case why == "" && expected == "":
		return fmt.Sprintf("PASS %s (%d)", p.name, p.ok), false
	case why == "":
		return fmt.Sprintf("PASS %s, which is listed as a failure (%s): take it off the list in expect.go", p.name, expected), true
	case expected != "":
		return fmt.Sprintf("fail %s, as expected, %s (%s)", p.name, expected, why), false
	}
	return fmt.Sprintf("FAIL %s: %s", p.name, why), true
}
