package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOneOfAHundredGoroutinesClaimsAnID(t *testing.T) {
	for range 20 {
		s := Store{Root: filepath.Join(t.TempDir(), "not", "made", "yet")}
		var wins, losses int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				won, err := claimOnceAndKeep(s)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case won:
					wins++
				case err == ErrExist:
					losses++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins != 1 || losses != 99 {
			t.Fatalf("%d won and %d lost", wins, losses)
		}
		wantNames(t, s, "c1")
	}
}

func claimOnceAndKeep(s Store) (won bool, err error) {
	d, err := s.Claim("c1")
	if err != nil {
		return false, err
	}
	return true, errorsOf(d.Write(Record{ID: "c1", Pid: os.Getpid()}), d.Close())
}

// claimForParent is a process that claims when its stdin ends.
func claimForParent(root string) {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	won, err := claimOnceAndKeep(Store{Root: root})
	switch {
	case won:
		os.Exit(10)
	case err == ErrExist:
		os.Exit(11)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestOneOfAHundredProcessesClaimsAnID(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var racers []*exec.Cmd
	for range 100 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), "RUNTIME_TEST_ROLE=claim", "RUNTIME_TEST_ARG="+root)
		cmd.Stdin, cmd.Stderr = gate, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		racers = append(racers, cmd)
	}
	gate.Close()
	open.Close()
	count := map[int]int{}
	for _, cmd := range racers {
		cmd.Wait()
		count[cmd.ProcessState.ExitCode()]++
	}
	if count[10] != 1 || count[11] != 99 {
		t.Errorf("exit codes %v; want 10 once, 11 else", count)
	}
	wantNames(t, Store{Root: root}, "c1")
}

func wantNames(t *testing.T, s Store, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the root has %q, want %q", got, want)
	}
}

func TestRootIsMadeWithItsModeUnderAnyUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	s := Store{Root: filepath.Join(t.TempDir(), "a", "root")}
	d, err := s.Claim("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for path, want := range map[string]os.FileMode{s.Root: 0o711, s.Root + "/c1": 0o700} {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
}

func TestIDsThatAreNoNamesAreRefusedEverywhere(t *testing.T) {
	s := Store{Root: t.TempDir()}
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".claim-1-0", strings.Repeat("x", 2000)} {
		if d, err := s.Claim(id); err == nil {
			d.Close()
			t.Errorf("%q was claimed", id)
		}
		if d, err := s.Lock(id); err == nil || errors.Is(err, ErrNotExist) {
			t.Errorf("%q was locked: %v %v", id, d, err)
		}
		if _, err := s.Load(id); err == nil || errors.Is(err, ErrNotExist) {
			t.Errorf("%q was loaded: %v", id, err)
		}
	}
	wantNames(t, s)
}

func TestAClaimWithoutARecordDoesNotExistYet(t *testing.T) {
	s := Store{Root: t.TempDir()}
	d, err := s.Claim("c1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("c1"); err != ErrNotExist {
		t.Errorf("Load: %v", err)
	}
	if _, err := s.Claim("c1"); err != ErrExist {
		t.Errorf("Claim: %v", err)
	}
	wantNames(t, s, "c1")
	if err := d.Write(Record{ID: "c1"}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load("c1"); err != nil || r.ID != "c1" {
		t.Errorf("Load: %v, %v", r, err)
	}
	if err := errorsOf(d.Remove(), d.Close()); err != nil {
		t.Fatal(err)
	}
	wantNames(t, s)
}

// deadClaims makes what a create leaves that is killed before its first record.
func deadClaims(t *testing.T, s Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(s.Root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Root, name, "start.sock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeadClaimsAreSweptByWhoeverMeetsThem(t *testing.T) {
	for verb, meet := range map[string]func(*Runtime) error{
		"claim":  func(rt *Runtime) error { d, err := rt.Store.Claim("c1"); return errorsOf(err, d.Remove(), d.Close()) },
		"state":  func(rt *Runtime) error { _, err := rt.State("c1"); return butNotExist(err) },
		"kill":   func(rt *Runtime) error { return butNotExist(rt.Kill("c1", unix.SIGTERM, false)) },
		"delete": func(rt *Runtime) error { return butNotExist(rt.Delete("c1", false)) },
		"force":  func(rt *Runtime) error { return rt.Delete("c1", true) }, // engines call it after a create that failed
		"list":   func(rt *Runtime) error { _, err := rt.List(); return err },
	} {
		t.Run(verb, func(t *testing.T) {
			rt, _ := testRuntime(t)
			deadClaims(t, rt.Store, "c1", ".claim-1-0")
			if err := meet(rt); err != nil {
				t.Error(err)
			}
			if verb == "list" || verb == "force" { // these look at the whole root
				wantNames(t, rt.Store)
				return
			}
			wantNames(t, rt.Store, ".claim-1-0")
		})
	}
}

func butNotExist(err error) error {
	if err == ErrNotExist {
		return nil
	}
	return fmt.Errorf("got %w, want ErrNotExist", err)
}

func TestClaimsThatAreLockedAreLeftAlone(t *testing.T) {
	s := Store{Root: t.TempDir()}
	for _, name := range []string{"c1", ".claim-1-0"} {
		deadClaims(t, s, name)
		d, err := tryLock(s.dir(name))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
	}
	if names, err := s.Names(); err != nil || len(names) != 1 {
		t.Errorf("Names: %v, %v", names, err)
	}
	if _, err := s.Load("c1"); err != ErrNotExist {
		t.Errorf("Load: %v", err)
	}
	wantNames(t, s, ".claim-1-0", "c1")
}

func TestClaimSaysWhenAKilledCreateIsInTheWay(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1", Creating: true})
	_, err := s.Claim("c1")
	if !errors.Is(err, ErrExist) || !strings.Contains(err.Error(), "delete --force") {
		t.Errorf("dead create: got %v", err)
	}
	d, err := s.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := s.Claim("c1"); err != ErrExist {
		t.Errorf("create at work: got %v", err)
	}
}

func TestRemoveCanBeRepeatedAfterAnyOfItsSteps(t *testing.T) {
	s := Store{Root: t.TempDir()}
	keep(t, s, &Record{ID: "c1"})
	d, err := s.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.MkdirAll(d.Path("a/b"), 0o700); err != nil {
		t.Fatal(err)
	}
	// A mount point cannot be removed: the record has to survive that.
	if err := unix.Mount("none", d.Path("a/b"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("Remove over a mount: %v", err)
	}
	if _, err := d.Record(); err != nil {
		t.Errorf("the record went before the rest: %v", err)
	}
	if err := unix.Unmount(d.Path("a/b"), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Errorf("Remove: %v", err)
	}
	wantNames(t, s)
}

func TestReadersNeverSeeHalfARecord(t *testing.T) {
	s := Store{Root: t.TempDir()}
	r := fullRecord()
	r.ID = "c1"
	keep(t, s, &r)
	d, err := s.Lock("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < 200 && err == nil; i++ {
			r.Annotations["k"] = strings.Repeat("x", 100*i) // more than one read(2)
			err = d.Write(r)
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		if got, err := s.Load("c1"); err != nil || got.ImageIno != r.ImageIno {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestDamagedRecordIsAnErrorThatNamesTheFile(t *testing.T) {
	s := Store{Root: t.TempDir()}
	deadClaims(t, s, "c1")
	path := filepath.Join(s.Root, "c1", "state.json")
	if err := os.WriteFile(path, []byte(`{"pid":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("c1"); err == nil || !strings.Contains(err.Error(), path+": pid: ") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultRoot(t *testing.T) {
	for _, tt := range []struct {
		euid      int
		xdg, user string
		inUserNS  bool
		want      string
	}{
		{0, "", "", false, "/run/minirun"},
		{0, "/run/user/0", "root", false, "/run/minirun"},
		{0, "/run/user/0", "", false, "/run/minirun"},
		{0, "/run/user/0", "root", true, "/run/minirun"},
		{0, "/run/user/1000", "joe", true, "/run/user/1000/minirun"},
		{0, "/run/user/1000", "", true, "/run/user/1000/minirun"},
		{0, "", "joe", true, "/run/minirun"},
		{1000, "", "", false, "/run/minirun"},
		{1000, "/run/user/1000", "root", false, "/run/user/1000/minirun"},
	} {
		env := func(name string) string { return map[string]string{"XDG_RUNTIME_DIR": tt.xdg, "USER": tt.user}[name] }
		if got := DefaultRoot(tt.euid, env, func() bool { return tt.inUserNS }); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}
