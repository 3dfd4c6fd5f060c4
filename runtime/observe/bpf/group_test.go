package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// group makes a cgroup below a hierarchy's mount point, for the test.
func group(t *testing.T, mount string) (dir, path string) {
	t.Helper()
	needRoot(t)
	path = fmt.Sprintf("/minirun-test-%d", os.Getpid())
	dir = filepath.Join(mount, path)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir, path
}

// hierarchy is where a v1 controller is mounted, or a v2 tree that has it.
func hierarchy(t *testing.T, controller string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", controller, "cgroup.procs")); err == nil {
		return filepath.Join("/sys/fs/cgroup", controller)
	}
	list, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control")
	if err != nil || !slices.Contains(strings.Fields(string(list)), controller) {
		t.Skipf("no cgroup controller %s at its usual place", controller)
	}
	return "/sys/fs/cgroup"
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// joined observes a shell that begins with its script once it is in a cgroup.
func joined(t *testing.T, dir, script string) (c *exec.Cmd, in io.Writer, all func() []observe.Event) {
	t.Helper()
	s := open(t)
	c = container(t, "/bin/sh", "-c", "read go; "+script)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, c)
	all = collect(t, s)
	write(t, dir, "cgroup.procs", strconv.Itoa(c.Process.Pid))
	fmt.Fprintln(in)
	return c, in, all
}

// Whoever the cgroup has seen, the stream has seen.
func TestTheGroupFillsAndEmpties(t *testing.T) {
	dir, path := group(t, hierarchy(t, "pids"))
	c, in, all := joined(t, dir, "exec 3<&0; for i in 1 2 3 4 5; do (read go <&3; (exit 1)) & done; wait; exit 0")
	members, told := make(map[int]bool), false
	ended, err := make(chan error, 1), error(nil)
	go func() { ended <- c.Wait() }()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		default:
		}
		list, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range strings.Fields(string(list)) {
			pid, _ := strconv.Atoi(f)
			members[pid] = true
		}
		if len(members) >= 6 && !told {
			told = true
			fmt.Fprint(in, "\n\n\n\n\n")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	events := all()
	has(t, events, "attach 1 "+path, "exit 1 → out status 0x0")
	for pid := range members {
		if !slices.ContainsFunc(events, func(e observe.Event) bool { return e.Kind == observe.Fork && int(e.Target.Tgid) == pid }) {
			t.Errorf("%d was in the cgroup, and not in the stream", pid)
		}
	}
	if len(members) < 6 {
		t.Errorf("the cgroup had but %d members: the test saw nothing", len(members))
	}
	empty := slices.IndexFunc(events, func(e observe.Event) bool {
		return e.Kind == observe.Populated && e.Text == path && e.Result == 0
	})
	if empty < 0 || events[empty].Task.Inside == 0 {
		t.Errorf("the group was never empty: %d", empty)
	}
	legal(t, events)
}

func TestTheVictimOfMemory(t *testing.T) {
	dir, path := group(t, hierarchy(t, "memory"))
	for _, limit := range []string{"memory.limit_in_bytes", "memory.max"} {
		if err := os.WriteFile(filepath.Join(dir, limit), []byte("20000000"), 0); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EACCES) {
			t.Fatal(err)
		}
	}
	c, _, all := joined(t, dir, "/usr/bin/python3 -S -c 'b\"x\" * 100000000'; exit 3")
	if err := c.Wait(); c.ProcessState.ExitCode() != 3 {
		t.Fatal(err)
	}
	events := all()
	has(t, events, "attach 1 "+path, "send 2 → 2 sig 9 code 128 res 0", "exit 2 → 1 status 0x9")
	i := slices.IndexFunc(events, func(e observe.Event) bool { return e.Kind == observe.OOM })
	if i < 0 || events[i].Target.Inside != 2 || events[i].Target.Name() != "python3" {
		t.Errorf("no victim: %d", i)
	}
}

// legal checks that the events of each process are in a legal order: fork <
// exec < exit < free, nothing by it after its exit, and every one of them freed.
func legal(t *testing.T, events []observe.Event) {
	t.Helper()
	type process struct{ forked, exited, freed bool }
	all := make(map[int32]*process)
	for i := range events {
		e := &events[i]
		p := all[e.Task.Tgid]
		switch {
		case e.Kind == observe.Fork && !e.Thread():
			if all[e.Target.Tgid] != nil {
				t.Errorf("%d is forked twice", e.Target.Tgid)
			}
			all[e.Target.Tgid] = &process{forked: true}
		case e.Task.Inside == 0:
		case p == nil || p.exited && e.Kind == observe.Exec || p.freed:
			t.Errorf("%v by %d at %v: not in order", e.Kind, e.Task.Tgid, time.Duration(e.Time-events[0].Time))
		case e.Kind == observe.Exit && e.Is(observe.FlagGroupDead):
			p.exited = true
		case e.Kind == observe.Free:
			if p.freed = true; !p.exited {
				t.Errorf("%d is freed without an exit", e.Task.Tgid)
			}
		}
	}
	for pid, p := range all {
		if !p.exited || !p.freed {
			t.Errorf("%d: %+v", pid, *p)
		}
	}
	t.Logf("%d processes", len(all))
}
