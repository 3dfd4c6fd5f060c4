package tracefs

import "path"

// A raw is one tracepoint that fired, of any task of the host.
type raw struct {
	at     int64
	point  point
	cpu    uint16
	by     int32 // the thread in whose context it fired
	pid    int32 // the thread that it is about; by, where the event names none
	signal uint8
	result uint8
	code   int32
	group  bool  // of signal_generate; of exit: group_dead
	irq    bool  // it fired in an interrupt: by is who was interrupted
	number int64 // what a system call was given or returned, val, sa_handler, clone_flags
	comm   [16]byte
	text   string // the path of a group, or of the program that is executed
}

// inInterrupt is TRACE_FLAG_HARDIRQ|TRACE_FLAG_SOFTIRQ of common_flags (include/linux/trace_events.h).
const inInterrupt = 0x08 | 0x10

// A point is a tracepoint that this package reads.
type point uint8

const (
	generate point = iota
	deliver
	newtask
	rename
	exec
	exit
	free
	populated
	attach
	victim
	forked // a fork has returned in the parent: number is the child's pid
	enterExit
	enterExitGroup
	waited // wait4 has returned: number is the pid of whom
	unshare
	points
)

// An event is a tracepoint to switch on.
type event struct {
	path   string // below events/
	point  point
	filter string // in the kernel: what it passes over costs nothing
	needed bool   // without it there is no account
}

// events are in the order in which they are switched on.
var events = [...]event{
	{"signal/signal_generate", generate, "", true},
	{"signal/signal_deliver", deliver, "", true},
	{"task/task_newtask", newtask, "", true},
	{"sched/sched_process_exit", exit, "", true},
	{"sched/sched_process_exec", exec, "", true},
	{"sched/sched_process_free", free, "", true},
	{"task/task_rename", rename, "", false},
	{"cgroup/cgroup_notify_populated", populated, "", false},
	{"cgroup/cgroup_attach_task", attach, "", false},
	{"oom/mark_victim", victim, "", false},
	{"syscalls/sys_exit_clone", forked, "ret > 0", false},
	{"syscalls/sys_exit_clone3", forked, "ret > 0", false},
	{"syscalls/sys_exit_fork", forked, "ret > 0", false},
	{"syscalls/sys_exit_vfork", forked, "ret > 0", false},
	{"syscalls/sys_enter_exit", enterExit, "", false},
	{"syscalls/sys_enter_exit_group", enterExitGroup, "", false},
	{"syscalls/sys_exit_wait4", waited, "ret > 0", false},
	{"syscalls/sys_enter_unshare", unshare, "", false},
}

// A binding knows where an event of this kernel has what a raw holds.
type binding struct {
	point                                       point
	by, pid, signal, result, code, group, value field
	comm, path, context                         field
}

// bind looks the fields of an event up by their names. One that a kernel has
// not stays zero: sched_process_exit has group_dead since Linux 6.16.
func bind(p point, f *format) binding {
	b := binding{point: p, by: f.field("common_pid"), context: f.field("common_flags")}
	b.pid = f.field("pid")
	switch p {
	case generate:
		b.signal, b.result, b.code, b.group = f.field("sig"), f.field("result"), f.field("code"), f.field("group")
		b.comm = f.field("comm")
	case deliver:
		b.signal, b.code, b.value = f.field("sig"), f.field("code"), f.field("sa_handler")
	case newtask:
		b.comm, b.value = f.field("comm"), f.field("clone_flags")
	case rename:
		b.comm = f.field("newcomm")
	case exec:
		b.path, b.value = f.field("filename"), f.field("old_pid")
	case exit:
		b.comm, b.group = f.field("comm"), f.field("group_dead")
	case populated:
		b.path, b.value = f.field("path"), f.field("val")
	case attach:
		b.path = f.field("dst_path")
	case forked, waited:
		b.value = f.field("ret")
	case enterExit, enterExitGroup:
		b.value = f.field("error_code")
	case unshare:
		b.value = f.field("unshare_flags")
	}
	return b
}

// has reports whether this kernel has a field.
func (f field) has() bool { return f.size > 0 }

// read makes a raw of the bytes of an event.
func (b *binding) read(at int64, cpu uint16, data []byte) raw {
	r := raw{at: at, cpu: cpu, point: b.point, by: int32(b.by.number(data))}
	r.pid = r.by
	if b.pid.has() {
		r.pid = int32(b.pid.number(data))
	}
	r.number, r.code = b.value.number(data), int32(b.code.number(data))
	r.signal, r.result = uint8(b.signal.number(data)), uint8(b.result.number(data))
	r.group, r.irq = b.group.number(data) != 0, b.context.number(data)&inInterrupt != 0
	copy(r.comm[:15], b.comm.text(data))
	if b.path.has() {
		r.text = string(b.path.text(data))
	}
	if b.point == exec && r.text != "" {
		copy(r.comm[:15], path.Base(r.text))
	}
	return r
}
