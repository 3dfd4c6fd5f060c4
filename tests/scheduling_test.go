package tests

import (
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// schedule is what the kernel says of a process: nice and policy (fields 19
// and 41 of proc_pid_stat(5)), and its I/O priority.
const schedule = `cut -d' ' -f19,41 /proc/self/stat; ionice -p $$; uname -m`

func TestSchedulingOfInitAndExec(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "it came with later versions")
	}
	c := r.Container(rig.Sh(schedule+"; grep ^Mems_allowed_list /proc/self/status; exec sleep 1000"), func(s *specs.Spec) {
		s.Process.User.UID = 1000
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 7}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}
	})
	x := r.Spawn([]string{"run", "--bundle", c.Bundle, c.ID})
	want := "7 3\nbest-effort: prio 6\n" + machine32() + "\n"
	if !rig.Eventually(func() bool { return strings.HasPrefix(x.Output(), want) && strings.Contains(x.Output(), "Mems") }) {
		t.Errorf("init: %q", x.Output())
	}
	if got := r.OK("exec", c.ID, "sh", "-c", schedule).Stdout; got != want {
		t.Errorf("exec: %q", got)
	}
	pid := c.Pid()
	if maps := c.Proc(pid, "numa_maps"); !strings.Contains(maps, " bind:0 ") {
		t.Errorf("no bind:0 in numa_maps: %.200s", maps)
	}
	r.OK("kill", c.ID, "KILL")
	x.Wait()
}

// machine32 is what a 32-bit personality makes of this machine.
func machine32() string {
	var u unix.Utsname
	unix.Uname(&u)
	if strings.HasPrefix(unix.ByteSliceToString(u.Machine[:]), "aarch64") {
		return "armv8l"
	}
	return "i686"
}

// runc 1.3: the init is not concerned, and an exec without a final affinity
// keeps the initial one.
func TestAffinityOfExec(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "it came with later versions")
	}
	cpus := "grep ^Cpus_allowed_list /proc/self/status"
	all := inside(t, rig.Sh(cpus))
	for _, tc := range []struct{ initial, final, want string }{
		{"0", "", "Cpus_allowed_list:\t0"}, {"0-1", "1", "Cpus_allowed_list:\t1"}, {"", "1", "Cpus_allowed_list:\t1"}, {"", "", all},
	} {
		c := r.Container(rig.Sh(cpus+"; exec sleep 1000"), func(s *specs.Spec) {
			s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: tc.initial, Final: tc.final}
		})
		c.MustCreate().MustStart()
		if got := strings.TrimSpace(c.Proc(c.Pid(), "status")); !strings.Contains(got, all) {
			t.Errorf("the init of %+v has another affinity than %q", tc, all)
		}
		if got := strings.TrimSpace(r.OK("exec", c.ID, "sh", "-c", cpus).Stdout); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
		c.MustDelete("--force")
	}
	c := r.Container(func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "900"} })
	c.MustCreate().MustStart()
	if x := r.Do("exec", c.ID, "true"); x.Code != 255 || !strings.Contains(x.Message(), "process.execCPUAffinity.initial: invalid argument") {
		t.Errorf("code %d: %s", x.Code, x.Message())
	}
	c.MustDelete("--force")
}

// Whoever calls minirun from one CPU does not confine the container to it.
func TestTheCallersAffinityStaysOutside(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "runc has it from 1.4 on")
	}
	cpus := []string{"sh", "-c", "grep ^Cpus_allowed_list /proc/self/status"}
	all := inside(t, rig.Args(cpus...))
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	one := unix.CPUSet{}
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	if got := r.Container(rig.Args(cpus...)).Output(); got != all {
		t.Errorf("the init has %q, not %q", got, all)
	}
	c := idle(r)
	if got := strings.TrimSpace(r.OK(append([]string{"exec", c.ID}, cpus...)...).Stdout); got != all {
		t.Errorf("exec has %q, not %q", got, all)
	}
}
