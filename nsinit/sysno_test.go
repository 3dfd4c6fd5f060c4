package nsinit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The numbers are those of golang.org/x/sys, which come from the kernel's headers.
func TestSyscallNumbers(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range arches {
		file := filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+arch+".go")
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		for _, m := range regexp.MustCompile(`SYS_(\w+)\s*=\s*(\d+)`).FindAllStringSubmatch(string(source), -1) {
			want[strings.ToLower(m[1])], _ = strconv.Atoi(m[2])
		}
		for _, s := range syscallNumbers {
			nr, known := want[s.name]
			if got, ok := syscallNumber(arch, s.name); !known || !ok || got != nr {
				t.Errorf("%s %s is %d (%t), want %d (%t)", arch, s.name, got, ok, nr, known)
			}
		}
	}
}

func TestSyscallNumbersAreSorted(t *testing.T) {
	var names []string
	for _, s := range syscallNumbers {
		names = append(names, s.name)
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(syscallNumbers) {
		t.Error("the table is not sorted or has a name twice")
	}
	for _, name := range []string{"", "aaa", "mounts", "zzz"} {
		if nr, ok := syscallNumber("amd64", name); ok {
			t.Errorf("%q is %d", name, nr)
		}
	}
}
