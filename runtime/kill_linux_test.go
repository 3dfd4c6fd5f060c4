package runtime

import (
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/cgroups"
)

// population is a container without a PID namespace of its own: an init and
// two more in one cgroup, and a bystander outside.
type population struct {
	rt        *Runtime
	g         *cgroups.Group
	init      *exec.Cmd
	others    [2]*exec.Cmd
	bystander *exec.Cmd
}

func populate(t *testing.T) *population {
	t.Helper()
	rt, _ := testRuntime(t)
	p := &population{rt: rt, g: group(t), init: sleeper(t, nil), bystander: sleeper(t, nil)}
	join(t, p.g, p.init.Process.Pid)
	for i := range p.others {
		p.others[i] = sleeper(t, nil)
		join(t, p.g, p.others[i].Process.Pid)
	}
	r := recordOf(t, "c1", p.init.Process.Pid)
	r.Cgroups = p.g.Paths()
	keep(t, rt.Store, r)
	t.Cleanup(func() { stillRuns(t, p.bystander) })
	return p
}

func (p *population) endInit(t *testing.T) {
	t.Helper()
	p.init.Process.Kill()
	p.init.Wait()
	wantStatus(t, p.rt, "c1", Stopped)
}

func TestKillReachesTheInitOnly(t *testing.T) {
	p := populate(t)
	if err := p.rt.Kill("c1", unix.SIGTERM, false); err != nil {
		t.Fatal(err)
	}
	endedBy(t, p.init, syscall.SIGTERM)
	for _, o := range p.others {
		stillRuns(t, o)
	}
	if err := p.rt.Kill("c1", unix.SIGTERM, false); err != ErrNotRunning {
		t.Errorf("kill of a stopped container: %v", err)
	}
}

func TestKillZeroSendsNothing(t *testing.T) {
	p := populate(t)
	if err := p.rt.Kill("c1", 0, false); err != nil {
		t.Error(err)
	}
	stillRuns(t, p.init)
	p.endInit(t)
	if err := p.rt.Kill("c1", 0, false); err != ErrNotRunning {
		t.Error(err)
	}
}

func TestKillAllReachesTheCgroup(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL, 34} {
		t.Run(SignalName(sig), func(t *testing.T) {
			p := populate(t)
			if err := p.rt.Kill("c1", sig, true); err != nil {
				t.Fatal(err)
			}
			for _, cmd := range []*exec.Cmd{p.init, p.others[0], p.others[1]} {
				endedBy(t, cmd, sig)
			}
			if err := p.rt.Kill("c1", sig, true); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// containerd sends this when the init of a container in the host's PID
// namespace has ended, and podman sends it without --all.
func TestSIGKILLReachesWhatADeadInitHasLeft(t *testing.T) {
	for _, all := range []bool{true, false} {
		p := populate(t)
		p.endInit(t)
		if err := p.rt.Kill("c1", unix.SIGTERM, false); err != ErrNotRunning {
			t.Errorf("TERM: %v", err)
		}
		if err := p.rt.Kill("c1", unix.SIGKILL, all); err != nil {
			t.Fatalf("all=%v: %v", all, err)
		}
		for _, o := range p.others {
			endedBy(t, o, syscall.SIGKILL)
		}
		err := p.rt.Kill("c1", unix.SIGKILL, all)
		if all && err != nil || !all && err != ErrNotRunning {
			t.Errorf("nobody left, all=%v: %v", all, err)
		}
	}
}

func TestTermAllReachesWhatADeadInitHasLeft(t *testing.T) {
	p := populate(t)
	p.endInit(t)
	if err := p.rt.Kill("c1", unix.SIGTERM, true); err != nil {
		t.Fatal(err)
	}
	for _, o := range p.others {
		endedBy(t, o, syscall.SIGTERM)
	}
}

func TestSIGKILLEndsAPausedContainer(t *testing.T) {
	p := populate(t)
	if err := p.g.Freeze(); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, p.rt, "c1", Paused)
	if err := p.rt.Kill("c1", unix.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	endedBy(t, p.init, syscall.SIGKILL)
	wantStatus(t, p.rt, "c1", Stopped)
}

func TestSIGKILLEndsAPausedPIDNamespace(t *testing.T) {
	rt, _ := testRuntime(t)
	g := group(t)
	init, _ := player(t, "parent", "", newPidNS)
	join(t, g, init.Process.Pid)
	r := recordOf(t, "c1", init.Process.Pid)
	r.Cgroups, r.OwnPidNS = g.Paths(), true
	keep(t, rt.Store, r)
	if err := g.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := rt.Kill("c1", unix.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	endedBy(t, init, syscall.SIGKILL)
}

func TestKillOfNothing(t *testing.T) {
	rt, _ := testRuntime(t)
	if err := rt.Kill("c1", unix.SIGTERM, true); err != ErrNotExist {
		t.Errorf("got %v", err)
	}
}

func TestAContainerThatIsBeingCreatedIsNotSignalled(t *testing.T) {
	rt, _ := testRuntime(t)
	cmd := sleeper(t, nil)
	r := recordOf(t, "c1", cmd.Process.Pid)
	r.Creating = true
	keep(t, rt.Store, r)
	for _, all := range []bool{false, true} {
		if err := rt.Kill("c1", unix.SIGKILL, all); err != ErrCreating {
			t.Errorf("all=%v: got %v", all, err)
		}
	}
	stillRuns(t, cmd)
}

// A signal goes to members only, whoever has the pid by now.
func TestSignalMembersSkipsWhoIsNotAMember(t *testing.T) {
	p := populate(t)
	r, err := p.rt.Store.Load("c1")
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{p.others[0].Process.Pid, p.bystander.Process.Pid}
	if err := signalMembers(r, pids, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	endedBy(t, p.others[0], syscall.SIGTERM)
	stillRuns(t, p.bystander)
}
