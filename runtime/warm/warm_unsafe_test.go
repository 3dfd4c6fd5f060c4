package warm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"
)

// A kernel may have no huge page to give: what is asked of it is the same.
func TestTheHeapBeginsWithOneHugePage(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages:", err)
	}
	found := advised(smaps(t, "-E=minirun/runtime/warm.entry"))
	if len(found) != 1 || found[0].to-found[0].from != 2<<20 || found[0].resident != 2<<10 {
		t.Errorf("for huge pages: %+v, want one of 2 MB, all of it there", found)
	}
	if found := advised(smaps(t, "")); len(found) != 0 {
		t.Errorf("for huge pages without the entry: %+v", found)
	}
}

// area is one of proc_pid_smaps(5).
type area struct {
	from, to uintptr
	resident int // kB
	advised  bool
}

func advised(areas []area) (found []area) {
	for _, a := range areas {
		if a.advised {
			found = append(found, a)
		}
	}
	return found
}

// smaps is what the kernel says of a program that is linked so.
func smaps(t *testing.T, link string) (areas []area) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "heap")
	build := exec.Command("go", "build", "-ldflags", link, "-o", program, "./testdata/heap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var a area
		if n, _ := fmt.Sscanf(line, "%x-%x ", &a.from, &a.to); n == 2 {
			areas = append(areas, a)
			continue
		}
		last := &areas[len(areas)-1]
		fmt.Sscanf(line, "Rss: %d kB", &last.resident)
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok {
			last.advised = strings.Contains(flags, " hg ")
		}
	}
	return areas
}

func TestStackGrowsOnce(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection shrinks stacks
	runtime.GC()                                     // that of an earlier test, if it is under way
	moved := make(chan bool)
	go func() {
		Stack()
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		deep(30)
		moved <- before != uintptr(unsafe.Pointer(&here))
	}()
	if <-moved {
		t.Error("the stack has moved within 30 kB")
	}
	go func() {
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		deep(30)
		moved <- before != uintptr(unsafe.Pointer(&here))
	}()
	if !<-moved {
		t.Error("without Stack it does not move either: this test shows nothing")
	}
}

// deep uses n kB of stack.
//
//go:noinline
func deep(n int) (sum byte) {
	var frame [1000]byte
	if n > 0 {
		frame[n] = deep(n-1) + 1
	}
	for _, b := range frame {
		sum += b
	}
	return sum
}
