package proc

import (
	"os"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// Census tells of each process of the namespace, zombies too: in which state
// it is and where it sleeps (proc_pid_wchan(5)). The state is that of its main thread.
func (n Namespace) Census() (list []observe.Event) {
	for _, pid := range pidsIn("/proc") {
		task, ok := n.Look(pid)
		if ok && task.Inside > 0 {
			list = append(list, n.found(task))
		}
	}
	return list
}

// found is a process as it is now.
func (n Namespace) found(task observe.Task) observe.Event {
	e := observe.Event{Time: Now(), Kind: observe.Census, Origin: observe.Proc, Task: task}
	if w, ok := read(task.Pid); ok {
		e.State = w.state
	}
	if text, err := os.ReadFile(path(task.Pid) + "/wchan"); err == nil && string(text) != "0" {
		e.Text = string(text)
	}
	if task.Parent != 0 {
		e.Target, _ = n.Look(task.Parent)
	}
	return e
}

// Now is CLOCK_MONOTONIC, by which all sources count.
func Now() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail with this clock
	return ts.Nano()
}
