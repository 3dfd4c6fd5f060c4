package warm

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel may have no huge page to give: what is asked of it is the same. A
// heap that has holes, as that of this process, may have one for the last
// object of skip: so it is another process.
func TestPlanAsksForAHugePageAndLeavesNoPageFaultInIt(t *testing.T) {
	if os.Getenv("FRESH") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "FRESH=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	Plan()
	at := address(object)
	if at%huge != 0 {
		t.Errorf("%#x is given out next", at)
	}
	resident(t, at, at+huge)
	_, err := os.Stat("/sys/kernel/mm/transparent_hugepage") // or this kernel has none
	if flags := vmFlags(t, at); err == nil && !strings.Contains(flags, " hg ") {
		t.Errorf("VmFlags:%s", flags)
	}
}

// resident fails for pages that are not there.
func resident(t *testing.T, from, to uintptr) {
	t.Helper()
	page := uintptr(unix.Getpagesize())
	from &^= page - 1
	there := make([]byte, (to-from)/page)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, from, to-from, uintptr(unsafe.Pointer(&there[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for i, r := range there {
		if r&1 == 0 {
			t.Fatalf("page %d of %d is not there", i, len(there))
		}
	}
}

// vmFlags is a line of smaps, proc_pid_smaps(5).
func vmFlags(t *testing.T, at uintptr) (flags string) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	in := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			in = from <= at && at < to
		}
		if text, ok := strings.CutPrefix(line, "VmFlags:"); ok && in {
			flags = text
		}
	}
	return flags
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
