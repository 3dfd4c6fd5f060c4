package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minirun/tests/rig"
)

// A machine's counts of what containers are made of.
type tally struct{ mounts, cgroups, files, tasks int }

func countAll(t *testing.T) tally {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return tally{strings.Count(string(mounts), "\n"), len(rig.CgroupsNamed(rig.Marker)), len(dir(t, "/proc/self/fd")), len(rig.OurProcesses())}
}

func TestAThousandContainers(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("exit 7"))
	cycle := func() {
		c.MustCreate()
		pid := c.Pid()
		c.MustStart()
		if code := rig.Reap(pid); code != 7 {
			t.Fatalf("code %d, not 7", code)
		}
		c.MustDelete()
	}
	cycle()
	before := countAll(t)
	n := count(1000)
	for i := range n {
		cycle()
		if i%50 == 0 {
			r.Tidy()
		}
	}
	if after := countAll(t); after != before {
		t.Errorf("after %d containers there is %+v, before was %+v", n, after, before)
	}
}

// Two at a time, as many as there is time for; every code arrives.
func TestNoExitCodeIsLost(t *testing.T) {
	r := rig.New(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("TEST_SEED %d", seed)
	var runs, lost atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(*soak)
	for worker := range 2 {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		c := r.Container()
		wg.Go(func() {
			for time.Now().Before(end) && lost.Load() < 10 {
				want := random.IntN(256)
				script := fmt.Sprintf("exit %d", want)
				c.Edit(rig.Args("/bin/sh", "-c", script))
				if code := quick(r, c); code != want {
					t.Errorf("code %d, not %d, in run %d", code, want, runs.Load())
					lost.Add(1)
				}
				runs.Add(1)
			}
		})
	}
	wg.Wait()
	t.Logf("%d runs in %v, %d codes lost", runs.Load(), *soak, lost.Load())
}

// quick runs a container without a word, for there are many of it.
func quick(r *rig.Rig, c *rig.Container) int {
	return r.Shell(strings.Join([]string{"exec", r.Runtime.Path, "--root", r.Root, "run", "-b", c.Bundle, c.ID}, " "))
}

// A program that ends before the runtime looks at it is as good as any other.
func TestFastestExit(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Args("/bin/true"))
	for range count(300) {
		if code := quick(r, c); code != 0 {
			t.Fatalf("code %s", strconv.Itoa(code))
		}
	}
}
