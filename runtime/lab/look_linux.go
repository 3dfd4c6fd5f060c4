package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// until looks again every now and then until something is so, at most for
// patience. It is for what the kernel announces to nobody.
func (b *Bench) until(is func() bool) bool {
	for end := time.Now().Add(patience); !is(); {
		b.must(nil)
		if time.Now().After(end) {
			return false
		}
		if _, err := unix.Poll(nil, 2); err != nil && !errors.Is(err, unix.EINTR) {
			b.must(err)
		}
	}
	return true
}

// asleep waits until the init sleeps in the system call that it reported last before.
func (x *box) asleep() { x.until(func() bool { return x.task().State == 'S' }) }

// tasksReach waits until pids.current has a value, and returns what it has at last.
func (x *box) tasksReach(want int) int {
	x.until(func() bool { return x.tasks() == want })
	return x.tasks()
}

func (x *box) threads() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", x.pid))
	x.must(err)
	return len(entries)
}

// status is what the runtime's state says.
func (x *box) status() string {
	out, w, err := os.Pipe()
	x.must(err)
	defer out.Close()
	c, err := x.runtime.do(nil, w, "state", x.id)
	w.Close()
	x.must(err)
	if c.code != 0 {
		return "error: " + c.first()
	}
	text := make([]byte, 1<<16) // a state fits, and so it did into the pipe
	size, err := out.Read(text)
	x.must(err)
	v, err := fastjson.ParseBytes(text[:size])
	x.must(err)
	return string(v.GetStringBytes("status"))
}

// zombie waits until a child of the lab's has ended.
func (x *box) zombie(pid int) {
	x.until(func() bool { return stateOf(pid) == "Z" })
}

// session is the process group and the session of the init.
func (x *box) session() (pgrp, sid int) {
	pgrp, _ = strconv.Atoi(stat(x.pid, 2))
	sid, _ = strconv.Atoi(stat(x.pid, 3))
	return pgrp, sid
}

// reapAlso reaps what the lab has executed in the container and not waited for.
func (x *box) reapAlso() {
	for _, pid := range x.also {
		x.must(reap(pid, time.Now().Add(patience)))
	}
	x.also = nil
}

// others are the processes of the container but its init, by their pids on the host.
func (x *box) others() (pids []int) {
	text, err := os.ReadFile(filepath.Join(x.group, "cgroup.procs"))
	x.must(err)
	for _, f := range strings.Fields(string(text)) {
		if pid, _ := strconv.Atoi(f); pid != x.pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

// other is one of them.
func (x *box) other() int {
	pids := x.others()
	if len(pids) == 0 {
		x.must(broke("the container has no process but its init"))
	}
	return pids[0]
}

// inner is the pids of an init of a namespace inside the container's, from the
// container's namespace on.
func (x *box) inner() []int {
	depth := len(x.task().NSpid) - 1
	for _, pid := range x.others() {
		t, err := signals.Read(fmt.Sprintf("/proc/%d", pid))
		x.must(err)
		if t.Init() && len(t.NSpid) > depth+1 {
			return t.NSpid[depth:]
		}
	}
	return nil
}

// fingerprint changes when a program changes what it does with signals, or
// has worked: utime and stime are those of all its threads.
func (x *box) fingerprint(t signals.Task) string {
	return fmt.Sprint(t.Name, len(t.Threads), t.Caught, t.Ignored, t.Blocked, stat(x.pid, 11), stat(x.pid, 12))
}

// works says whether a thread of the program runs or would, were there a
// processor for it, or waits for the disk.
func works(t signals.Task) bool {
	return slices.ContainsFunc(t.Threads, func(t signals.Thread) bool { return t.State == 'R' || t.State == 'D' })
}
