package nsinit

import (
	"encoding/binary"
	"fmt"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// scheduling is how the kernel shall treat the process, while it is still
// privileged: all of it outlives the execve.
func (b *builder) scheduling() {
	if b.joining == nil {
		b.everyCPU()
	}
	if s := b.spec.Process.Scheduler; s != nil {
		b.call("process.scheduler", "sched_setattr", num(0), b.schedAttr(s), num(0))
	}
	if p := b.spec.Process.IOPriority; p != nil {
		const classShift = 13 // include/uapi/linux/ioprio.h
		// The process is alone in its group, and a setpgid would not take it along.
		b.call("process.ioPriority", "ioprio_set", sym(1, "IOPRIO_WHO_PROCESS"), num(0),
			sym(uint64(bundles.IOClass(p.Class)<<classShift|p.Priority), fmt.Sprintf("%s<<13|%d", p.Class, p.Priority)))
	}
	if m := b.spec.Linux.MemoryPolicy; m != nil {
		b.memoryPolicy(m)
	}
	if p := b.spec.Linux.Personality; p != nil {
		domain := sym(0, "PER_LINUX")
		if p.Domain == specs.PerLinux32 {
			domain = sym(8, "PER_LINUX32") // include/uapi/linux/personality.h
		}
		b.call("linux.personality", "personality", domain)
	}
}

// schedAttr is struct sched_attr (sched_setattr(2)).
func (b *builder) schedAttr(s *specs.Scheduler) Arg {
	const size = 56 // with the two fields of utilization, which config.json does not have
	policy, _ := bundles.SchedPolicy(s.Policy)
	var flags uint64
	text := make([]string, len(s.Flags))
	for i, f := range s.Flags {
		bit, _ := bundles.SchedFlag(f)
		flags |= bit
		text[i] = string(f)
	}
	d := &Data{Size: size, Text: fmt.Sprintf("{%s, flags=%s, nice=%d, priority=%d, runtime=%d, deadline=%d, period=%d}",
		s.Policy, strings.Join(append(text, "0")[:max(1, len(text))], "|"), s.Nice, s.Priority, s.Runtime, s.Deadline, s.Period)}
	for _, half := range []uint32{size, policy, uint32(flags), uint32(flags >> 32), uint32(s.Nice), uint32(s.Priority)} {
		d.Bytes = binary.LittleEndian.AppendUint32(d.Bytes, half)
	}
	for _, word := range []uint64{s.Runtime, s.Deadline, s.Period} {
		d.Bytes = binary.LittleEndian.AppendUint64(d.Bytes, word)
	}
	return Ptr{Data: d}
}

func (b *builder) memoryPolicy(m *specs.LinuxMemoryPolicy) {
	mode := sym(bundles.MemoryMode(m), strings.Join(append([]string{string(m.Mode)}, texts(m.Flags)...), "|"))
	nodes, err := bundles.ParseSet(m.Nodes)
	switch {
	case err != nil:
		b.fail("linux.memoryPolicy.nodes: %w", err)
	case nodes == nil:
		b.call("linux.memoryPolicy", "set_mempolicy", mode, null, num(0))
	default:
		// The kernel takes one bit less than it is told of (get_nodes, mm/mempolicy.c).
		b.call("linux.memoryPolicy", "set_mempolicy", mode, Ptr{Data: words("{"+m.Nodes+"}", nodes...)}, num(bundles.SetSize+1))
	}
}

func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return all
}

// everyCPU ends the affinity of the caller, who may have been started by
// taskset(1): the process gets every CPU of its cpuset.
func (b *builder) everyCPU() {
	set := make([]uint64, bundles.SetSize/64)
	for i := range set {
		set[i] = ^uint64(0)
	}
	b.do("the caller's CPU affinity is not the container's", Call{Name: "sched_setaffinity",
		Args: []Arg{num(0), num(8 * len(set)), Ptr{Data: words("{every CPU}", set...)}}, On: tolerate(unix.EPERM, unix.ENOSYS)})
}

// affinity is process.execCPUAffinity: initial for the stage, before anything
// of it runs in the container's cgroup, and final once it does. The init of a
// container has none.
func (b *builder) affinity(name string, list func(*specs.CPUAffinity) string) {
	a := b.spec.Process.ExecCPUAffinity
	if a == nil || list(a) == "" {
		return
	}
	set, err := bundles.ParseSet(list(a))
	if err != nil {
		b.fail("process.execCPUAffinity.%s: %w", name, err)
		return
	}
	b.call("process.execCPUAffinity."+name, "sched_setaffinity", num(0), num(8*len(set)), Ptr{Data: words("{"+list(a)+"}", set...)})
}

func initialCPUs(a *specs.CPUAffinity) string { return a.Initial }
func finalCPUs(a *specs.CPUAffinity) string   { return a.Final }
