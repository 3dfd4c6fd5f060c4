package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

// The objects that docker 20.10 and podman 4.3 sent with update.
const (
	dockersUpdate = `{"memory":{"limit":0,"reservation":0,"kernel":0},"cpu":{"shares":0,"quota":0,"period":0},"pids":{"limit":77},"blockIO":{"weight":0}}`
	podmansUpdate = `{"memory":{"limit":104857600,"swap":209715200}}`
	criUpdate     = `{"devices":[{"allow":false,"access":"rwm"}],"cpu":{"shares":512}}`
)

// limit reads a setting of the container's cgroup on v1, or else on v2.
func limit(c *rig.Container, controller, v1, v2 string) string {
	c.Helper()
	data, err := os.ReadFile(c.Cgroup(controller) + "/" + v1)
	if err != nil {
		data, err = os.ReadFile(c.Cgroup("") + "/" + v2)
	}
	if err != nil {
		c.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func withStdin(r *rig.Rig, text string) []rig.Option {
	r.Helper()
	f, err := os.Open(r.Write("stdin.json", text, 0o600))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { f.Close() })
	return []rig.Option{rig.Stdin(f)}
}

func TestUpdateTakesWhatEnginesSend(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "1.8.1 writes docker's zeros and fails")
	c := idle(r, func(s *specs.Spec) { s.Linux.Resources.CPU = &specs.LinuxCPU{Shares: ptr(uint64(256))} })
	for _, args := range [][]string{{"update", "--resources", "-", c.ID}, {"update", "--resources=-", c.ID}} {
		x := r.DoWith(withStdin(r, dockersUpdate), args...)
		if got := limit(c, "pids", "pids.max", "pids.max"); x.Code != 0 || x.Stderr != "" || got != "77" {
			t.Errorf("%v: code %d, pids.max %s: %s", args, x.Code, got, x.Stderr)
		}
	}
	if got := limit(c, "cpu", "cpu.shares", "cpu.weight"); got != "256" && got != "35" {
		t.Errorf("a zero has changed cpu.shares to %s", got)
	}
	r.OK("update", "--resources="+r.Write("podman.json", podmansUpdate, 0o600), c.ID)
	if got := limit(c, "memory", "memory.limit_in_bytes", "memory.max"); got != "104857600" {
		t.Errorf("memory %s", got)
	}
	if x := r.DoWith(withStdin(r, criUpdate), "update", "--resources", "-", c.ID); x.Code != 0 {
		t.Error(x.Stderr)
	}
	if got := limit(c, "cpu", "cpu.shares", "cpu.weight"); got != "512" && got != "59" {
		t.Errorf("cpu.shares %s", got)
	}
	// The bare "deny all" of CRI is not meant: null is there still.
	if x := in(c, "echo > /dev/null"); x.Code != 0 {
		t.Errorf("devices have been touched: %s", x.Stderr)
	}
}

func TestUpdateByFlags(t *testing.T) {
	r := rig.New(t)
	c := idle(r)
	r.OK("update", "--memory", "64m", "--memory-swap", "128M", "--memory-reservation", "33554432", "--cpu-share", "300",
		"--cpu-period", "50000", "--cpu-quota", "25000", "--pids-limit", "30", "--cpuset-cpus", "0", c.ID)
	for _, want := range []struct{ controller, v1, v2, value string }{
		{"memory", "memory.limit_in_bytes", "memory.max", "67108864"},
		{"memory", "memory.soft_limit_in_bytes", "memory.low", "33554432"},
		{"cpu", "cpu.cfs_quota_us", "cpu.max", "25000"}, {"cpu", "cpu.cfs_period_us", "cpu.max", "50000"},
		{"pids", "pids.max", "pids.max", "30"}, {"cpuset", "cpuset.cpus", "cpuset.cpus", "0"},
	} {
		if got := limit(c, want.controller, want.v1, want.v2); !strings.Contains(got, want.value) {
			t.Errorf("%s is %s, not %s", want.v1, got, want.value)
		}
	}
	r.OK("update", "--memory=256m", "--memory-swap=256m", c.ID) // above the old swap limit: swap first
	r.OK("update", "--memory=32m", "--memory-swap=32m", c.ID)   // below: memory first
	r.OK("update", "--pids-limit=-1", "--memory-swap=-1", c.ID)
	if got := limit(c, "pids", "pids.max", "pids.max"); got != "max" {
		t.Errorf("pids.max %s", got)
	}
}

func TestUpdateRefuses(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("the words")
	c := idle(r)
	for _, tt := range []struct {
		args  []string
		words string
	}{
		{[]string{"--memory", "lots"}, "lots"}, {[]string{"--memory", "-2"}, "-2"}, {[]string{"--pids-limit", "x"}, "pids-limit"},
		{[]string{"--blkio-weight", "70000"}, "range"}, {[]string{"--cpu-share", "-1"}, "range"},
		{[]string{"--memory", "2m", "--memory-swap", "1m"}, "swap"}, {[]string{"--resources", r.Path("none")}, "no such file"},
		{[]string{"--resources", r.Write("bad", "[]", 0o600)}, "resources"}, {[]string{"--cpuset-cpus", "9999"}, "cpuset.cpus"},
	} {
		if x := r.Do(append(append([]string{"update"}, tt.args...), c.ID)...); x.Code != 1 || !strings.Contains(x.Message(), tt.words) {
			t.Errorf("%v: code %d, %s", tt.args, x.Code, x.Message())
		}
	}
	c.Stop()
	check(t, r.Do("update", "--pids-limit", "5", c.ID), ended, r.Runtime.Kind)
	check(t, r.Do("update", "--pids-limit", "5", c.ID+"-no"), unknown, r.Runtime.Kind)
}

func TestPauseAndResumeInEveryState(t *testing.T) {
	notPaused := outcome{1, "container not paused"}
	want := map[string][2]outcome{ // pause, resume
		"absent": {unknown, unknown}, "created": {fine, fine}, "running": {fine, fine}, "paused": {ended, fine},
		"stopped": {ended, notPaused}, "stopped, never started": {ended, notPaused},
	}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			r := rig.New(t)
			c := r.Container()
			state.enter(c)
			check(t, r.Do("pause", c.ID), want[state.name][0], r.Runtime.Kind)
			check(t, r.Do("resume", c.ID), want[state.name][1], r.Runtime.Kind)
			if state.name == "running" || state.name == "created" {
				check(t, r.Do("resume", c.ID), notPaused, r.Runtime.Kind)
			}
			if after, _, _ := strings.Cut(state.name, ","); after != "absent" && after != "paused" && c.Status() != after {
				t.Errorf("status %s", c.Status())
			}
		})
	}
}

func TestPauseStopsEverything(t *testing.T) {
	r := rig.New(t)
	c := r.Container(rig.Sh("while :; do echo >> /tick; done")).MustCreate().MustStart()
	size := func() int64 {
		st, err := os.Stat(c.Rootfs() + "/tick")
		if err != nil {
			return 0
		}
		return st.Size()
	}
	if !rig.Eventually(func() bool { return size() > 0 }) {
		t.Fatal("it does not run")
	}
	r.OK("pause", c.ID)
	if c.Status() != "paused" {
		t.Errorf("status %s", c.Status())
	}
	before := size()
	time.Sleep(100 * time.Millisecond)
	if after := size(); after != before {
		t.Errorf("it wrote %d bytes while paused", after-before)
	}
	r.OK("resume", c.ID)
	if !rig.Eventually(func() bool { return size() > before }) {
		t.Error("it does not go on")
	}
}

// statsEvent is what of a stats event monitoring reads.
type statsEvent struct {
	Type, ID string
	Data     struct {
		CPU    struct{ Usage struct{ Total uint64 } }
		Memory struct {
			Usage struct{ Limit, Usage uint64 }
			Raw   map[string]uint64
		}
		Pids struct{ Current, Limit uint64 }
	}
}

func TestEventsStats(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "has no events")
	c := idle(r, func(s *specs.Spec) {
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(12))}
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	})
	x := r.OK("events", "--stats", c.ID)
	var e statsEvent
	if err := json.Unmarshal([]byte(x.Stdout), &e); err != nil || strings.Count(x.Stdout, "\n") != 1 {
		t.Fatalf("%v: %s", err, x.Stdout)
	}
	d := e.Data
	if e.Type != "stats" || e.ID != c.ID || d.CPU.Usage.Total == 0 || d.Memory.Usage.Limit != 64<<20 || d.Memory.Usage.Usage == 0 ||
		len(d.Memory.Raw) == 0 || d.Pids.Current != 1 || d.Pids.Limit != 12 {
		t.Error(x.Stdout)
	}
	c.Stop()
	if x := r.Do("events", "--stats", c.ID); x.Code != 1 || !strings.Contains(x.Message(), "not running") {
		t.Errorf("stopped: code %d, %s", x.Code, x.Message())
	}
}

func TestEventsUntilTheEnd(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Crun, "has no events")
	c := r.Container(rig.Sh("until [ -e /go ]; do sleep 0.02; done; x=$(head -c 100m /dev/zero | tr '\\0' x) & wait; sleep 0.5"), func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
	}).MustCreate().MustStart()
	const interval = 100 * time.Millisecond
	call := r.Spawn([]string{"events", "--interval", interval.String(), c.ID})
	count := func() int { return strings.Count(call.Output(), `"type":"stats"`) }
	if !rig.Eventually(func() bool { return count() > 1 }) {
		t.Fatal("no stats")
	}
	if err := os.WriteFile(c.Rootfs()+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	x := call.Wait()
	c.WaitStopped()
	if n := count(); x.Code != 0 || n < 3 || n > int(x.Took/interval)+2 {
		t.Errorf("code %d, %d stats in %v: %s", x.Code, n, x.Took, x.Stderr)
	}
	if !strings.Contains(x.Stdout, `{"type":"oom","id":"`+c.ID+`"`) {
		t.Error("no event of the OOM kill")
	}
}

func TestEventsEndWithTheirReader(t *testing.T) {
	r := rig.New(t)
	r.MinirunOnly("a writer that nobody reads does not stay")
	c := idle(r)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(p[1]), "pipe")
	call := r.Spawn([]string{"events", "--interval", "1h", c.ID}, func(cmd *exec.Cmd) { cmd.Stdout = w })
	w.Close()
	unix.Close(p[0])
	if x := call.Wait(); x.Took > 10*time.Second {
		t.Errorf("took %v", x.Took)
	}
}

func TestUpdateOfCacheNeedsIntelRdt(t *testing.T) {
	r := rig.New(t)
	c := r.Container().MustCreate()
	x := r.Do("update", "--l3-cache-schema", "L3:0=f", c.ID)
	if x.Code != 1 || r.Runtime.Kind == rig.Minirun && !strings.Contains(x.Message(), "--l3-cache-schema: the container has no linux.intelRdt") {
		t.Errorf("code %d: %s", x.Code, x.Message())
	}
	c.MustDelete("--force")
}
