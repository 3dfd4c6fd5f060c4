package tracefs

import (
	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
)

// feed takes one record; they come in the order of their time.
func (t *tracker) feed(r *raw) {
	switch r.point {
	case generate:
		t.generate(r)
	case deliver:
		t.deliver(r)
	case newtask:
		t.newtask(r)
	case rename:
		t.rename(r)
	case exec:
		t.exec(r)
	case exit:
		t.exit(r)
	case free:
		t.free(r)
	case populated:
		t.populated(r)
	case attach:
		t.attach(r)
	case victim:
		t.victim(r)
	case forked:
		t.forked(r)
	case enterExit, enterExitGroup:
		t.exiting(r)
	case waited:
		t.waited(r)
	case unshare:
		if th := t.member(r.by); th != nil && r.number&unix.CLONE_NEWPID != 0 {
			th.unshared = true
		}
	}
}

// newtask: a child of a member is one, and of anybody else it may be one who
// has joined the namespace.
func (t *tracker) newtask(r *raw) {
	delete(t.outside, r.pid)
	parent, old := t.member(r.by), t.member(r.pid)
	if old != nil && !old.exited && old.p.seeded { // it was found before this was read
		old.p.seeded = false
		t.fork(r)
		return
	}
	delete(t.threads, r.pid)
	switch {
	case parent == nil:
		task, ok := t.look(r.pid)
		if ok && task.Inside > 0 {
			t.adopt(task)
			t.fork(r)
			return
		}
		t.stranger(r, task, ok)
	case r.number&unix.CLONE_THREAD != 0:
		t.threads[r.pid] = &thread{tid: r.pid, p: parent.p, comm: r.comm}
		parent.p.living++
		t.fork(r)
	default:
		t.threads[r.pid] = &thread{tid: r.pid, p: child(r, parent), comm: r.comm}
		t.forks[r.by] = r.pid
		t.fork(r)
	}
}

// child is a process that a member has made, as far as that is known before
// the fork has returned.
func child(r *raw, by *thread) *process {
	p := &process{Task: observe.Task{
		Pid: r.pid, Tgid: r.pid, Inside: observe.Unknown, Own: observe.Unknown, Depth: by.p.Depth, Parent: by.p.Tgid, Comm: r.comm,
	}, living: 1}
	if r.number&unix.CLONE_PARENT != 0 {
		p.Parent = by.p.Parent
	}
	switch {
	case p.Depth == observe.Unknown:
	case r.number&unix.CLONE_NEWPID != 0:
		p.Depth, p.Own = p.Depth+1, 1
	case by.unshared:
		p.Depth++
	}
	return p
}

// stranger remembers who is outside as long as there is such a task: a verb
// that sends a signal may have ended when that is read.
func (t *tracker) stranger(r *raw, task observe.Task, looked bool) {
	if !looked {
		task = observe.Task{Pid: r.pid, Tgid: r.pid, Own: observe.Unknown, Comm: r.comm}
		if by, _ := t.task(r.by); r.number&unix.CLONE_THREAD != 0 {
			task.Tgid = by.Tgid
		}
	}
	t.remember(task)
}

func (t *tracker) fork(r *raw) {
	e := observe.Event{Kind: observe.Fork}
	var by, of *process
	e.Task, by = t.task(r.by)
	e.Target, of = t.task(r.pid)
	t.emit(r, e, by, of)
}

// forked: the system call of the parent returns the child's pid in the
// parent's own namespace.
func (t *tracker) forked(r *raw) {
	tid, ok := t.forks[r.by]
	delete(t.forks, r.by)
	by, th := t.member(r.by), t.member(tid)
	if !ok || by == nil || th == nil {
		return
	}
	p, pid := th.p, int32(r.number)
	p.returned = true
	if by.p.Depth == 0 {
		p.Inside = pid
	}
	if by.p.Depth == p.Depth {
		p.Own = pid
	}
}

func (t *tracker) rename(r *raw) {
	if th := t.member(r.pid); th != nil {
		th.named(r.comm)
	} else if task, ok := t.outside[r.pid]; ok {
		task.Comm = r.comm
		t.outside[r.pid] = task
	}
}

func (th *thread) named(comm [16]byte) {
	th.comm = comm
	if th.tid == th.p.Tgid {
		th.p.Comm = comm
	}
}

// exec: the thread that executes becomes the main thread, and the others are gone.
func (t *tracker) exec(r *raw) {
	th := t.member(int32(r.number))
	if th == nil {
		th = t.member(r.pid)
	}
	if th == nil {
		return
	}
	if th.tid != r.pid {
		delete(t.threads, th.tid)
		th.tid = r.pid
		t.threads[r.pid] = th
	}
	th.exited, th.p.living = false, 1
	if !t.renames {
		th.named(r.comm)
	}
	t.emit(r, observe.Event{Kind: observe.Exec, Task: th.task(), Text: r.text}, th.p, nil)
}

// exiting notes the code of exit(2), which counts if it is the main thread's,
// and of exit_group(2), which counts in any case.
func (t *tracker) exiting(r *raw) {
	th := t.member(r.by)
	if th == nil || th.p.final {
		return
	}
	if r.point == enterExitGroup || th.tid == th.p.Tgid {
		th.p.code, th.p.coded = uint32(r.number&0xff)<<8, true
		th.p.final = r.point == enterExitGroup
	}
}

// status is how a process has ended, as wait(2) gives it, if that is known.
func (p *process) status() (uint32, bool) {
	switch {
	case p.final:
		return p.code, true
	case p.fatal != 0:
		return uint32(p.fatal), true
	}
	return p.code, p.coded
}

func (t *tracker) exit(r *raw) {
	th := t.member(r.pid)
	if th == nil {
		return
	}
	p := th.p
	th.exited = true
	p.living--
	t.orphanFork(r.pid)
	e := observe.Event{Kind: observe.Exit, Task: th.task(), Has: observe.HasGroupDead}
	parent := t.member(p.Parent)
	e.Target, _ = t.task(p.Parent)
	if r.group || !t.groupDead && p.living <= 0 {
		p.exited, e.Flags = true, observe.FlagGroupDead
		if status, ok := p.status(); ok {
			e.Status, e.Has = status, e.Has|observe.HasStatus
		}
		t.zombies = append(t.zombies, p)
		t.reparent(p)
	}
	var of *process
	if parent != nil {
		of = parent.p
	}
	t.emit(r, e, p, of)
}

// orphanFork: the fork of a thread that has exited will not return.
func (t *tracker) orphanFork(tid int32) {
	if child := t.member(t.forks[tid]); child != nil {
		child.p.returned = true
	}
	delete(t.forks, tid)
}

// reparent gives the children of a dead process to the init of its namespace
// (find_new_reaper); a subreaper among its ancestors is not known. Those of
// an init stay its own until it has killed and reaped them.
func (t *tracker) reparent(p *process) {
	if p.Own == 1 {
		return
	}
	heir := t.heir(p)
	for _, th := range t.threads {
		if th.p.Parent == p.Tgid && th.p != p {
			th.p.Parent = heir
		}
	}
}

func (t *tracker) heir(p *process) int32 {
	for up := t.member(p.Parent); up != nil; up = t.member(up.p.Parent) {
		if up.p.Own == 1 {
			return up.p.Tgid
		}
	}
	return 0
}

// waited: wait4(2) has returned a pid, in the namespace of who has waited.
func (t *tracker) waited(r *raw) {
	by, pid := t.member(r.by), int32(r.number)
	for i, p := range t.zombies {
		number := p.Tgid
		switch {
		case by == nil:
		case by.p.Depth == 0:
			number = p.Inside
		case by.p.Depth == p.Depth:
			number = p.Own
		default:
			continue
		}
		if number != pid || p.Parent != t.tgid(r.by) {
			continue
		}
		t.zombies = append(t.zombies[:i], t.zombies[i+1:]...)
		e := observe.Event{Kind: observe.Reap, Task: p.Task}
		var of *process
		e.Target, of = t.task(r.by)
		t.emit(r, e, p, of)
		return
	}
}

func (t *tracker) tgid(tid int32) int32 {
	task, _ := t.task(tid)
	return task.Tgid
}

// free comes some milliseconds after a task was reaped, when nobody can look
// at it any more (RCU).
func (t *tracker) free(r *raw) {
	th := t.member(r.pid)
	if th == nil || !th.exited {
		delete(t.outside, r.pid)
		return
	}
	delete(t.threads, r.pid)
	delete(t.joined, r.pid)
	if r.pid != th.p.Tgid {
		return
	}
	for i, p := range t.zombies {
		if p == th.p {
			t.zombies = append(t.zombies[:i], t.zombies[i+1:]...)
			break
		}
	}
	t.emit(r, observe.Event{Kind: observe.Free, Task: th.task()}, th.p, nil)
}

// populated: each hierarchy of version 1 tells of the same change.
func (t *tracker) populated(r *raw) {
	if last, ok := t.last[r.text]; !t.ours(r.text) || ok && last == r.number {
		return
	}
	t.last[r.text] = r.number
	e := observe.Event{Kind: observe.Populated, Result: uint8(r.number), Has: observe.HasResult, Text: r.text}
	var by *process
	e.Task, by = t.task(r.by)
	t.emit(r, e, by, nil)
}

func (t *tracker) attach(r *raw) {
	if !t.ours(r.text) || t.joined[r.pid] {
		return
	}
	t.joined[r.pid] = true
	e := observe.Event{Kind: observe.Attach, Text: r.text}
	var of *process
	e.Task, of = t.task(r.pid)
	t.emit(r, e, of, nil)
}

func (t *tracker) victim(r *raw) {
	if t.member(r.pid) == nil {
		return
	}
	e := observe.Event{Kind: observe.OOM}
	var by, of *process
	e.Task, by = t.task(r.by)
	e.Target, of = t.task(r.pid)
	t.emit(r, e, by, of)
}
