package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLockOfWhatIsNotThere(t *testing.T) {
	s := Store{Root: t.TempDir()}
	if _, err := s.Lock("c1"); err != ErrNotExist {
		t.Errorf("nothing: %v", err)
	}
	if err := os.WriteFile(s.dir("c2"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("c2"); err != ErrNotExist {
		t.Errorf("a file: %v", err)
	}
}

func TestLockGivesUpAndSaysWhoHasIt(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	holder, _ := player(t, "lock", s.Root, nil)
	const patience = 50 * time.Millisecond
	start := time.Now()
	_, err := s.lockWithin("c1", patience)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder != holder.Process.Pid {
		t.Errorf("got %v, want it to name %d", err, holder.Process.Pid)
	}
	if waited := time.Since(start); waited < patience {
		t.Errorf("gave up after %v", waited)
	}
}

// On a host with many locks, which are not all read at one moment, others come and go.
func TestTheHolderIsSeenAmongMany(t *testing.T) {
	root := t.TempDir()
	s := Store{Root: root}
	keep(t, s, &Record{ID: "c1"})
	var dirs []*Dir
	var holder *Dir
	for i := range 300 { // three times what one read returns
		if i == 150 {
			var err error
			if holder, err = s.Lock("c1"); err != nil {
				t.Fatal(err)
			}
		}
		path := fmt.Sprintf("%s/%d", root, i)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		other, err := openDir(path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.release()
		if err := other.flock(unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, other)
	}
	end := make(chan bool)
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			default:
				d := dirs[i%len(dirs)]
				d.unlock()
				d.flock(unix.LOCK_EX)
			}
		}
	})
	missed := 0
	for range 1000 {
		if locked, err := s.locked("c1"); err != nil || !locked {
			missed++
		}
	}
	close(end)
	done.Wait()
	if missed > 0 {
		t.Errorf("%d of 1,000 times the holder was not seen", missed)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	if locked, err := s.locked("c1"); locked || err != nil {
		t.Errorf("locked by nobody: %v, %v", locked, err)
	}
	if d, err := s.Lock("c1"); err != nil {
		t.Errorf("it is not free: %v", err)
	} else {
		d.Close()
	}
}

// lockUntilKilled is a process that has c1 locked.
func lockUntilKilled(root string) {
	if _, err := (Store{Root: root}).Lock("c1"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin)
}

// wantSoon runs a Lock that must succeed long before its patience is over.
func wantSoon(t *testing.T, lock func() (*Dir, error), release func()) error {
	t.Helper()
	type result struct {
		d   *Dir
		err error
	}
	got := make(chan result)
	go func() {
		d, err := lock()
		got <- result{d, err}
	}()
	release()
	select {
	case r := <-got:
		if r.err == nil {
			r.d.Close()
		}
		return r.err
	case <-time.After(soon):
		t.Fatal("nobody woke who waits for the lock")
		return nil
	}
}

func TestLockWakesWhenTheHolderCloses(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	for i := range 200 {
		d, err := s.Lock("c1")
		if err != nil {
			t.Fatal(err)
		}
		err = wantSoon(t, func() (*Dir, error) { return s.Lock("c1") }, func() {
			time.Sleep(time.Duration(i) * 10 * time.Microsecond)
			d.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The foreground run lets go of the lock and lives on.
func TestLockWakesWhenTheHolderUnlocks(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	d, err := s.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for range 50 {
		err = wantSoon(t, func() (*Dir, error) { return s.Lock("c1") }, func() {
			time.Sleep(time.Millisecond)
			if err := d.unlock(); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.relock("c1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockWakesWhenTheHolderIsKilled(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	for i := range 30 {
		holder, _ := player(t, "lock", s.Root, nil)
		err := wantSoon(t, func() (*Dir, error) { return s.Lock("c1") }, func() {
			time.Sleep(time.Duration(i) * 20 * time.Microsecond)
			holder.Process.Kill()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhoeverWaitsForADeletedContainerLearnsThatItIsGone(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	d, err := s.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	err = wantSoon(t, func() (*Dir, error) { return s.Lock("c1") }, func() {
		time.Sleep(5 * time.Millisecond)
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
		// A successor under the same name is not what was waited for.
		if err := os.Mkdir(s.dir("c1"), 0o700); err != nil {
			t.Error(err)
		}
		d.Close()
	})
	if err != ErrNotExist {
		t.Errorf("got %v", err)
	}
}

func TestManyLockersTakeTurns(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	inside := 0
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			d, err := s.Lock("c1")
			if err != nil {
				t.Error(err)
				return
			}
			inside++ // the race detector watches, and so does the sum
			if inside != 1 {
				t.Errorf("%d are inside", inside)
			}
			inside--
			d.Close()
		})
	}
	all.Wait()
}
