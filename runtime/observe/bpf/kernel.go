package bpf

import (
	"bytes"
	"fmt"
	"math"
)

// kernel is what the programs must know of the running kernel: offsets in
// bytes, of the members that they read, and the tracepoints.
type kernel struct {
	task struct {
		signal, sighand, realParent, groupLeader int16
		pid, tgid, comm, ptrace, exitCode        int16
		blocked, realBlocked, startTime          int16
	}
	signal struct{ flags, groupExitCode, pids, live int16 }
	action struct {
		array         int16 // in struct sighand_struct
		size, handler int16 // of struct k_sigaction
	}
	pid struct {
		level, numbers   int16
		upid, nr, ns     int16 // size and members of struct upid
		nsCommon, number int16 // in struct pid_namespace, in struct ns_common
		single           bool  // numbers is declared with one element, which before 6.6 it was
	}
	siCode   int16
	filename int16
	group    struct{ node, root, id, hierarchy int16 }

	points map[string]tracepoint
}

// pidTypeTgid is PIDTYPE_TGID of include/linux/pid_types.h: the process among signal_struct.pids.
const pidTypeTgid = 1

// A member is one offset that is looked up.
type member struct {
	to              *int16
	structure, name string
}

func (k *kernel) members() []member {
	return []member{
		{&k.task.signal, "task_struct", "signal"},
		{&k.task.sighand, "task_struct", "sighand"},
		{&k.task.realParent, "task_struct", "real_parent"},
		{&k.task.groupLeader, "task_struct", "group_leader"},
		{&k.task.pid, "task_struct", "pid"},
		{&k.task.tgid, "task_struct", "tgid"},
		{&k.task.comm, "task_struct", "comm"},
		{&k.task.ptrace, "task_struct", "ptrace"},
		{&k.task.exitCode, "task_struct", "exit_code"},
		{&k.task.blocked, "task_struct", "blocked"},
		{&k.task.realBlocked, "task_struct", "real_blocked"},
		{&k.task.startTime, "task_struct", "start_time"},
		{&k.signal.flags, "signal_struct", "flags"},
		{&k.signal.groupExitCode, "signal_struct", "group_exit_code"},
		{&k.signal.pids, "signal_struct", "pids"},
		{&k.signal.live, "signal_struct", "live"},
		{&k.action.array, "sighand_struct", "action"},
		{&k.action.handler, "sigaction", "sa_handler"}, // k_sigaction begins with it
		{&k.pid.level, "pid", "level"},
		{&k.pid.numbers, "pid", "numbers"},
		{&k.pid.nr, "upid", "nr"},
		{&k.pid.ns, "upid", "ns"},
		{&k.pid.nsCommon, "pid_namespace", "ns"},
		{&k.pid.number, "ns_common", "inum"},
		{&k.siCode, "kernel_siginfo", "si_code"},
		{&k.filename, "linux_binprm", "filename"},
		{&k.group.node, "cgroup", "kn"},
		{&k.group.root, "cgroup", "root"},
		{&k.group.id, "kernfs_node", "id"},
		{&k.group.hierarchy, "cgroup_root", "hierarchy_id"},
	}
}

// readKernel looks everything up in the kernel's BTF.
func readKernel(blob []byte) (*kernel, error) {
	k := &kernel{points: make(map[string]tracepoint)}
	t, err := readTypes(blob, k.wants)
	if err != nil {
		return nil, err
	}
	for _, m := range k.members() {
		off, err := t.offset(m.structure, m.name)
		if *m.to = int16(off); err == nil && off > math.MaxInt16 {
			err = fmt.Errorf("struct %s, member %s: offset %d is more than a load can have", m.structure, m.name, off)
		}
		if err != nil {
			return nil, err
		}
	}
	for to, name := range map[*int16]string{&k.pid.upid: "upid", &k.action.size: "k_sigaction"} {
		size, err := t.size(name)
		if err != nil {
			return nil, err
		}
		*to = int16(size)
	}
	n, err := t.elements("pid", "numbers")
	if err != nil {
		return nil, err
	}
	k.pid.single = n != 0
	for _, p := range programs {
		if k.points[p.point], err = t.tracepoint(p.point); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// wants picks the names that readKernel will ask for.
func (k *kernel) wants(name []byte) bool {
	if rest, ok := bytes.CutPrefix(name, []byte(tracePrefix)); ok {
		for _, p := range programs {
			if p.point == string(rest) {
				return true
			}
		}
		return false
	}
	switch string(name) {
	case "task_struct", "signal_struct", "sighand_struct", "sigaction", "k_sigaction", "pid", "upid", "pid_namespace",
		"ns_common", "kernel_siginfo", "linux_binprm", "cgroup", "cgroup_root", "kernfs_node":
		return true
	}
	return false
}
