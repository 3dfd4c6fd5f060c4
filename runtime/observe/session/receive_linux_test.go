package session

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What a peer says last is heard, and then the end, also when it goes without
// having read what it was told.
func TestTheLastWordsAreHeard(t *testing.T) {
	for _, flags := range []int{0, unix.MSG_DONTWAIT} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		if err := unix.Send(pair[0], []byte("unread"), 0); err != nil {
			t.Fatal(err)
		}
		(&Background{pair[1]}).Fail(unix.ENOSPC)
		unix.Close(pair[1])
		for _, want := range []string{string(saysFailed) + "no space left on device", "", ""} {
			if got, err := receive(pair[0], flags); err != nil || string(got) != want {
				t.Errorf("flags %#x: %q, %v; want %q", flags, got, err, want)
			}
		}
	}
}
