package warm

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestPlanLeavesNoPageFaultBehindAFreshObject(t *testing.T) {
	Plan()
	at := address(object)
	page := uintptr(unix.Getpagesize())
	from := (at + uintptr(len(object)) + page - 1) &^ (page - 1)
	to := min(from+piece/2, end(from))
	resident := make([]byte, (to-from)/page)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, from, to-from, uintptr(unsafe.Pointer(&resident[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for i, r := range resident {
		if r&1 == 0 {
			t.Fatalf("page %d of %d behind the object is not there", i, len(resident))
		}
	}
}

// A heap that has holes, as that of a test, can have one for the object that
// takes the rest, now and then.
func TestFreshHasRoomInWhatIsMapped(t *testing.T) {
	const n = 200 // 5 MB of objects: past a multiple of 4 MB
	short := 0
	for range n {
		if at := fresh(piece); end(at)-at < piece {
			short++
		}
	}
	if short > n/10 {
		t.Errorf("%d of %d addresses have less than %d kB to the next multiple of 4 MB", short, n, piece>>10)
	}
}

func TestStackGrowsOnce(t *testing.T) {
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
