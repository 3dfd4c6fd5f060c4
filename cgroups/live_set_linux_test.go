package cgroups

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	peer "github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices"
	peerv1 "github.com/opencontainers/cgroups/fs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the process inside a group that tries
// devices out.
func TestMain(m *testing.M) {
	if probe := os.Getenv("MINIRUN_TEST_DEVICES"); probe != "" {
		tryDevices(probe)
		return
	}
	os.Exit(m.Run())
}

// settings returns every file of the group that a limit can be read from.
func settings(t *testing.T, paths map[string]string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for controller, dir := range paths {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			if info, err := e.Info(); err != nil || info.Mode()&0o200 == 0 || !strings.HasPrefix(e.Name(), controller+".") {
				continue
			}
			if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil && !strings.Contains(e.Name(), "usage") {
				files[e.Name()] = string(b)
			}
		}
	}
	return files
}

// TestSameLimitsAsPeer applies everything to two groups of this machine, by
// our code and by the peer's, and compares every file that can be set.
func TestSameLimitsAsPeer(t *testing.T) {
	h, err := Look()
	must(t, err)
	if len(h.V1) == 0 {
		t.Skip("the peer's version 2 code wants its own group") // TestSameWritesAsPeerV2 covers it
	}
	for name, r := range allResources(t) {
		t.Run(name, func(t *testing.T) {
			ours, theirs := created(t, v1Only), created(t, v1Only)
			err := ours.Set(r)
			theirErr := peerApply(theirs, r)
			if _, deviates := oursV1[name]; deviates {
				must(t, err)
				return
			}
			if (err != nil) != (theirErr != nil) {
				t.Fatalf("ours %v, theirs %v", err, theirErr)
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "cgroup: linux.resources.") {
					t.Errorf("error does not name the property: %v", err)
				}
				return
			}
			if a, b := settings(t, ours.Paths()), settings(t, theirs.Paths()); !reflect.DeepEqual(a, b) {
				t.Errorf("ours   %v\ntheirs %v", a, b)
			}
			a, b := sortedLines(t, ours.v1("devices")+"/devices.list"), sortedLines(t, theirs.v1("devices")+"/devices.list")
			if !slices.Equal(a, b) {
				t.Errorf("devices: ours %q, theirs %q", a, b)
			}
		})
	}
}

func peerApply(g *Group, r *specs.LinuxResources) error {
	p := peerResources(r)
	p.Devices = peerDevices(r.Devices)
	m, err := peerv1.NewManager(&peer.Cgroup{Resources: p}, g.Paths())
	if err != nil {
		return err
	}
	if err := m.Apply(-1); err != nil {
		return err
	}
	return m.Set(p)
}

// TestUpdatesInARow raises and lowers what a running container has, as docker
// update does, with the recorded object for "all the rest is to stay" between.
func TestUpdatesInARow(t *testing.T) {
	g := created(t, whole)
	if g.v1("memory") == "" {
		t.Skip("no version 1 memory controller")
	}
	pid, run := spawnHeld(t, "{ head -c 4000000 /dev/zero; sleep 1000; } | tail -c 4000000") // tail keeps all of it
	must(t, g.Join(pid))
	run()
	recorded, err := os.ReadFile("testdata/engines/docker-update-resources.json")
	must(t, err)
	devices := sortedLines(t, g.v1("devices")+"/devices.list")
	for _, text := range []string{
		`{"memory":{"limit":67108864,"swap":134217728}}`,
		`{"memory":{"limit":268435456,"swap":536870912}}`, // raise over the old sum
		`{"memory":{"limit":33554432,"swap":33554432}}`,   // lower, sum to the limit
		`{"memory":{"limit":-1}}`,
		`{"memory":{"limit":67108864,"swap":134217728},"devices":[{"allow":false,"access":"rwm"}]}`,
	} {
		must(t, g.Update(resources(t, text)))
		before := settings(t, g.Paths())
		must(t, g.Update(resources(t, string(recorded))))
		after := settings(t, g.Paths())
		before["pids.max"] = "77\n"
		if !reflect.DeepEqual(before, after) {
			t.Errorf("after %s: before %v\nafter %v", text, before, after)
		}
	}
	if got := sortedLines(t, g.v1("devices")+"/devices.list"); !slices.Equal(got, devices) {
		t.Errorf("update touched the devices: %q", got)
	}
	err = g.Update(resources(t, `{"memory":{"limit":268435456}}`))
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "memory.swap limits memory and swap together to 134217728") {
		t.Errorf("limit above the sum: %v", err)
	}
	eventually(t, func() bool {
		usage, err := readFile(g.v1("memory"), "memory.usage_in_bytes")
		must(t, err)
		n, err := parseLimit(usage)
		must(t, err)
		return n > 4_000_000
	})
	err = g.Update(resources(t, `{"memory":{"limit":1048576}}`))
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "in use: ") {
		t.Errorf("limit below usage: %v", err)
	}
}

func TestPidsLimit(t *testing.T) {
	g := created(t, whole)
	must(t, g.Set(resources(t, `{"pids":{"limit":3}}`)))
	pid, run := spawnHeld(t, "for i in 1 2 3 4 5; do sleep 1000 & done; wait")
	must(t, g.Join(pid))
	run()
	eventually(t, func() bool {
		s, err := g.PidsStat()
		must(t, err)
		if s.Max != 3 || s.Current > 4 { // the fork that is refused is counted for a moment (pids_try_charge)
			t.Fatalf("got %+v", s)
		}
		return s.Refused > 0 && (s.Peak == 3 || s.Peak == NoLimit)
	})
	must(t, g.Update(resources(t, `{"pids":{"limit":-1}}`)))
	if s, err := g.PidsStat(); err != nil || s.Max != NoLimit {
		t.Errorf("got %+v, %v", s, err)
	}
	must(t, g.Update(resources(t, `{"pids":{"limit":0}}`)))
	if s, err := g.PidsStat(); err != nil || s.Max != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestMemoryEvents(t *testing.T) {
	g := created(t, whole)
	must(t, g.Set(resources(t, `{"memory":{"limit":8388608,"swap":8388608}}`)))
	pid, run := spawnHeld(t, "head -c 100000000 /dev/zero | tail; sleep 1000")
	must(t, g.Join(pid))
	run()
	eventually(t, func() bool {
		e, err := g.MemoryEvents()
		must(t, err)
		return e.OOMKill > 0
	})
}

// eventually tries until done, for some seconds.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := soon(); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not come about")
		}
	}
}

// A tryout is one access that a process in a group attempts.
type tryout struct {
	Path         string
	Major, Minor uint32
	Access       int // accessMknod alone, or accessRead and accessWrite
}

// tryDevices prints the errno of each attempt.
func tryDevices(probe string) {
	var all []tryout
	if err := json.Unmarshal([]byte(probe), &all); err != nil {
		panic(err)
	}
	for _, d := range all {
		var err error
		switch d.Access {
		case accessMknod:
			path := d.Path + ".new"
			err = unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(d.Major, d.Minor)))
			_ = os.Remove(path)
		default:
			flags := map[int]int{accessRead: unix.O_RDONLY, accessWrite: unix.O_WRONLY, accessRead | accessWrite: unix.O_RDWR}[d.Access]
			var fd int
			if fd, err = unix.Open(d.Path, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0); err == nil {
				unix.Close(fd)
			}
		}
		fmt.Println(err == unix.EPERM)
	}
}

// TestDevicesAreDenied runs a process in a group of each version and compares
// what the kernel denies it with what the list says.
func TestDevicesAreDenied(t *testing.T) {
	// null, zero, full and urandom, of which any access may be tried
	probes, dir := []tryout{}, t.TempDir()
	for _, minor := range []uint32{3, 5, 7, 9} {
		path := filepath.Join(dir, fmt.Sprint("mem", minor))
		must(t, unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))))
		for _, access := range []int{accessMknod, accessRead, accessWrite, accessRead | accessWrite} {
			probes = append(probes, tryout{path, 1, minor, access})
		}
	}
	for name, v := range views(t) {
		for _, text := range []string{
			``,
			denyAll,
			denyAll + `,{"allow":false,"type":"c","major":1,"minor":7,"access":"rwm"}`,
			denyAll + `,{"allow":false,"type":"c","access":"m"},{"allow":false,"type":"c","major":1,"minor":5,"access":"w"}`,
			denyAll + `,{"allow":false,"type":"c","major":1,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":9,"access":"r"}`,
			`{"allow":true,"access":"rwm"}`,
			`{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":7,"access":"w"},{"allow":false,"type":"c","major":1,"minor":9,"access":"m"}`,
		} {
			t.Run(name+"/"+text, func(t *testing.T) {
				g := created(t, v)
				must(t, g.Set(&specs.LinuxResources{Devices: rules(t, text)}))
				list, err := devicesOf(rules(t, text))
				must(t, err)
				denied := probeIn(t, g, probes)
				for i, p := range probes {
					if want := !reference(list, 'c', int64(p.Major), int64(p.Minor), p.Access); denied[i] != want {
						t.Errorf("c %d:%d %s: denied %v, want %v", p.Major, p.Minor, accessString(p.Access), denied[i], want)
					}
				}
			})
		}
	}
}

// probeIn runs tryDevices in a group.
func probeIn(t *testing.T, g *Group, probes []tryout) []bool {
	t.Helper()
	text, err := json.Marshal(probes)
	must(t, err)
	// A held shell joins, then becomes the prober: no access before the rules.
	cmd := exec.Command("/bin/sh", "-c", `read go; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "MINIRUN_TEST_DEVICES="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	gate, err := cmd.StdinPipe()
	must(t, err)
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	must(t, cmd.Start())
	joined := g.Join(cmd.Process.Pid)
	_, _ = gate.Write([]byte("\n"))
	if err := cmd.Wait(); err != nil || joined != nil {
		t.Fatalf("%v, %v: %s", joined, err, stderr.String())
	}
	var denied []bool
	for line := range strings.Lines(out.String()) {
		denied = append(denied, line == "true\n")
	}
	if len(denied) != len(probes) {
		t.Fatalf("%d answers to %d attempts", len(denied), len(probes))
	}
	return denied
}

// TestVerifierTakesEveryProgram loads the program of each recorded config.
func TestVerifierTakesEveryProgram(t *testing.T) {
	for name, r := range allResources(t) {
		l, err := devicesOf(r.Devices)
		must(t, err)
		fd, err := loadProgram(l.program())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		unix.Close(fd)
	}
	if _, err := loadProgram([]insn{{code: exit}}); !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "R0") {
		t.Errorf("an exit without a result: %v", err) // the verifier's own words are shown
	}
}
