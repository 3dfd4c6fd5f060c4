package nsinit

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func scheduled() *specs.Spec {
	spec := minimal()
	spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Nice: -1, Runtime: 1 << 32, Deadline: 2, Period: 3,
		Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagDLOverrun}}
	spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE, Priority: 4}
	spec.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "7", Final: "0-3,7"}
	spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "2-3",
		Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}
	return spec
}

// All of it needs what the process has before its ids change.
func TestSchedulingIsSetByRoot(t *testing.T) {
	want := []string{
		"sched_setattr(0, {SCHED_DEADLINE, flags=SCHED_FLAG_RESET_ON_FORK|SCHED_FLAG_DL_OVERRUN, nice=-1, priority=0, runtime=4294967296, deadline=2, period=3}, 0)",
		"ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE<<13|4)",
		"set_mempolicy(MPOL_INTERLEAVE|MPOL_F_STATIC_NODES, {2-3}, 1025)",
		"personality(PER_LINUX32)",
		"PR_CAPBSET_DROP", "execve",
	}
	spec := scheduled()
	for what, p := range map[string]*Plan{
		"create": compileFor(t, spec, "amd64"),
		"exec":   mustExec(t, spec, Join{Namespaces: allNamespaces}),
	} {
		last := -1
		for _, text := range want {
			at := position(t, p, text)
			if at <= last {
				t.Errorf("%s: %s comes too early", what, text)
			}
			last = at
		}
	}
}

func mustExec(t *testing.T, spec *specs.Spec, j Join) *Plan {
	t.Helper()
	p, err := CompileExec(spec, spec.Process, testFacts(spec, "amd64"), j)
	if err == nil {
		err = Lint(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStructuresOfScheduling(t *testing.T) {
	p := compileFor(t, scheduled(), "amd64")
	attr := callOf(p, "sched_setattr").Args[1].(Ptr).Data
	want := "38000000" + "06000000" + "0500000000000000" + "ffffffff" + "00000000" +
		"0000000001000000" + "0200000000000000" + "0300000000000000"
	if got := hex.EncodeToString(attr.Bytes); got != want || attr.Size != 56 {
		t.Errorf("sched_attr is\n%s, not\n%s", got, want)
	}
	if v := callOf(p, "ioprio_set").Args[2].(Const).V; v != 3<<13|4 {
		t.Errorf("ioprio %#x", v)
	}
	policy := callOf(p, "set_mempolicy")
	if v := policy.Args[0].(Const).V; v != 3|1<<15 {
		t.Errorf("mode %#x", v)
	}
	if nodes := policy.Args[1].(Ptr).Data.Bytes; nodes[0] != 0b1100 || len(nodes) != 128 {
		t.Errorf("nodes %x", nodes)
	}
}

// The init of a container has no such affinity, and not the caller's; of an exec the stage has the
// initial one before it clones, and the process the final one in the cgroup.
func TestAffinityIsOfExecAlone(t *testing.T) {
	init := printed(t, compileFor(t, scheduled(), "amd64"))
	if strings.Count(init, "sched_setaffinity") != 1 || !strings.Contains(init, "sched_setaffinity(0, 128, {every CPU})") {
		t.Errorf("the init has another affinity than every CPU:\n%s", init)
	}
	p := mustExec(t, scheduled(), Join{Namespaces: allNamespaces})
	last := -1
	for _, text := range []string{"sched_setaffinity(0, 128, {7})", "setns(", "clone3(", `read(`, "sched_setaffinity(0, 128, {0-3,7})", "rt_sigprocmask"} {
		at := position(t, p, text)
		if at <= last {
			t.Errorf("%s comes too early:\n%s", text, printed(t, p))
		}
		last = at
	}
}
