package session

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A verb that dials while an observer makes its socket does not take it for
// that of a dead one, which it would remove.
func TestASocketThatIsBeingMadeStays(t *testing.T) {
	var dir atomic.Value // of this round
	dir.Store(t.TempDir())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				Dial(dir.Load().(string)).Close()
			}
		}
	}()
	defer func() { close(stop); <-done }()
	root := t.TempDir()
	for i := range 1000 {
		box := root + "/" + strconv.Itoa(i)
		if err := os.MkdirAll(box+"/"+socketDir, 0o700); err != nil {
			t.Fatal(err)
		}
		dir.Store(box)
		s := &Session{listen: -1, dirfd: -1}
		if err := s.open(box); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(box + "/" + socketDir + "/" + s.name)
		if unix.Close(s.listen); err != nil {
			t.Fatal(err)
		}
		unix.Close(s.dirfd)
	}
}

// What a killed observer has left is removed by whoever meets it.
func TestASocketOfTheDeadIsRemoved(t *testing.T) {
	dir := t.TempDir()
	s := &Session{listen: -1, dirfd: -1}
	if err := s.open(dir); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.dirfd)
	unix.Close(s.listen)
	if told := Dial(dir); told.Heard() {
		t.Error("somebody listens")
	}
	if left, err := os.ReadDir(dir + "/" + socketDir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
