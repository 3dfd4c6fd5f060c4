package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"minirun/tests/rig"
)

const complaintsFile = "COMPLAINTS.md"

// Every complaint is there once, in order, and names a test that exists; every
// command in it has the flags that its help knows.
func TestComplaintsAreProved(t *testing.T) {
	text, err := os.ReadFile(complaintsFile)
	if err != nil {
		t.Fatal(err)
	}
	known, next := testNames(t), 1
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		n, err := strconv.Atoi(cells[0])
		if err != nil {
			continue
		}
		if n != next || len(cells) != 4 {
			t.Errorf("row %d of %d cells comes where row %d should", n, len(cells), next)
		}
		next = n + 1
		proofs := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(proofs) == 0 {
			t.Errorf("row %d: no proof", n)
		}
		for _, p := range proofs {
			if !known[p[1]] {
				t.Errorf("row %d: there is no %s", n, p[1])
			}
		}
	}
	if next != 82 {
		t.Errorf("%d rows", next-1)
	}
	checkCommands(t, string(text))
}

// testNames are the tests of all packages.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names, test := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range test.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func checkCommands(t *testing.T, text string) {
	t.Helper()
	r := rig.New(t)
	r.MinirunOnly("its verbs")
	commands := regexp.MustCompile("`minirun (\\w+)([^`]*)`").FindAllStringSubmatch(text, -1)
	if len(commands) < 20 {
		t.Errorf("%d commands", len(commands))
	}
	for _, c := range commands {
		help := r.OK(c[1], "--help").Stdout
		for flag := range strings.FieldsSeq(c[2]) {
			if strings.HasPrefix(flag, "--") && !strings.Contains(help, flag) && flag != "--help" {
				t.Errorf("minirun %s has no %s", c[1], flag)
			}
		}
	}
}
