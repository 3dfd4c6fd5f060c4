// Package golden compares what a test made with a file that was looked at.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// Check compares got with the file name below testdata.
func Check(t testing.TB, name string, got []byte) {
	t.Helper()
	CheckFile(t, filepath.Join("testdata", filepath.FromSlash(name)), got)
}

// CheckFile compares got with the file at path, and names the first line that
// differs. With -update it writes the file: look at the diff.
func CheckFile(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := write(path, got); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update makes it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("not as %s has it (go test -update rewrites it): %s", path, Difference(want, got))
	}
}

func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// Difference is the first line of got that is not want's.
func Difference(want, got []byte) string {
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range max(len(w), len(g)) {
		if line(w, i) != line(g, i) {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, line(w, i), line(g, i))
		}
	}
	return "none"
}

func line(lines [][]byte, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return string(lines[i])
}
