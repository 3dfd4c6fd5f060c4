package main

import "testing"

const header = "TAP version 13\n"

func TestVerdict(t *testing.T) {
	block := func(key string) string { return "  ---\n  {\n    \"" + key + "\": \"exit status 1\"\n  }\n  ...\n" }
	for _, c := range []struct {
		name string
		o    outcome
		ok   int
		want string
	}{
		{"a pass", outcome{stdout: header + "ok 1 - a\nok 2 - b\n1..2\n"}, 2, ""},
		{"a skip does not count", outcome{stdout: header + "ok 1 - a\nok 2 # SKIP b\n1..2\n"}, 1, ""},
		{"a failed assertion", outcome{stdout: header + "ok 1 - a\nnot ok 2 - b\n1..2\n"}, 1, "1 not ok"},
		{"runtimetest died early", outcome{stdout: header + "ok 1 - a\n"}, 270, "1 ok of 270"},
		{"an unplanned end", outcome{code: 1, stdout: header}, 3, "exit code 1, 0 ok of 3"},
		{"the error that was asserted", outcome{stdout: header + "ok 1 - a\n" + block("error") + "1..1\n"}, 1, ""},
		{"it, behind a second line", outcome{stdout: header + "ok 1 - a\nRefer to: x\n" + block("error") + "1..1\n"}, 1, ""},
		{"a diagnosis", outcome{stdout: header + "ok 1 - a\n" + block("actual") + "1..1\n"}, 1, ""},
		{"an error and no assertion", outcome{stdout: header + block("error") + "1..0\n"}, 0, "1 error blocks"},
		{"a second block", outcome{stdout: header + "ok 1 - a\n" + block("actual") + block("error") + "1..1\n"}, 1, "1 error blocks"},
		{"more than there should be", outcome{stdout: header + "ok 1 - a\nok 2 - a\n1..2\n"}, 1, "2 ok of 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.o.verdict(c.ok); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

// Both a failure that is not expected and a pass that is not are differences.
func TestReport(t *testing.T) {
	for _, c := range []struct {
		name, why string
		surprise  bool
	}{
		{"default", "", false}, {"default", "1 not ok", true}, {"delete", "2 not ok", false}, {"delete", "", true},
	} {
		if _, got := report(program{c.name, 1}, expectedFailure(c.name), c.why); got != c.surprise {
			t.Errorf("%s %q: a surprise: %v", c.name, c.why, got)
		}
	}
}

// What testdata/README says of the table.
func TestTargets(t *testing.T) {
	list, err := targets()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 39 {
		t.Errorf("%d targets, not 39", len(list))
	}
}
