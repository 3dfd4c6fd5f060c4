package tests

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// pair makes a pair of devices on the host; the second one stays behind, and
// is gone with the first.
func pair(r *rig.Rig, n int) (name, peer string) {
	r.Helper()
	id := rig.Marker[3:] // of this run; a name has 15 characters
	name, peer = fmt.Sprintf("mr%sa%d", id, n), fmt.Sprintf("mr%sb%d", id, n)
	ip(r, "link", "add", name, "mtu", "1400", "type", "veth", "peer", "name", peer)
	r.Cleanup(func() { exec.Command("ip", "link", "del", peer).Run() }) // the container's end may have taken it along
	return name, peer
}

func ip(r *rig.Rig, args ...string) {
	r.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		r.Fatalf("ip %q: %v: %s", args, err, out)
	}
}

func netDevices(devices map[string]string) rig.Mod {
	return func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
		for name, as := range devices {
			s.Linux.NetDevices[name] = specs.LinuxNetDevice{Name: as}
		}
	}
}

func TestNetDevicesAreMoved(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "it came with later versions")
	}
	name, _ := pair(r, 1)
	ip(r, "addr", "add", "192.0.2.7/24", "broadcast", "192.0.2.255", "dev", name)
	ip(r, "addr", "add", "2001:db8::7/64", "dev", name, "nodad")
	ip(r, "addr", "add", "169.254.9.9/16", "scope", "link", "dev", name)
	other, _ := pair(r, 2)
	c := r.Container(rig.Sh("ip addr; exec sleep 1000"), netDevices(map[string]string{name: "net0", other: "many%d"}))
	call := r.Spawn([]string{"run", "--bundle", c.Bundle, c.ID})
	if !rig.Eventually(func() bool {
		return strings.Contains(call.Output(), "many0") && strings.Contains(call.Output(), "::7/64")
	}) {
		t.Errorf("inside: %s", call.Output())
	}
	text := call.Output()
	for _, want := range []string{" net0@", "mtu 1400", ",UP", "inet 192.0.2.7/24 brd 192.0.2.255 scope global net0", "inet6 2001:db8::7/64 scope global"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q inside:\n%s", want, text)
		}
	}
	if strings.Contains(text, "169.254.9.9") {
		t.Error("an address of the link has come along")
	}
	if out, err := exec.Command("ip", "link", "show", name).CombinedOutput(); err == nil {
		t.Errorf("it is still on the host: %s", out)
	}
	r.OK("kill", c.ID, "KILL")
	call.Wait()
}

func TestNetDevicesThatCannotBeMoved(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "it came with later versions")
	}
	c := r.Container(netDevices(map[string]string{"no_such_device": ""}))
	oneLine(t, c, c.Create(), `linux.netDevices["no_such_device"]|no such device`)
	name, _ := pair(r, 1)
	c = r.Container(netDevices(map[string]string{name: "lo"})) // which is there already
	oneLine(t, c, c.Create(), `linux.netDevices|lo|file exists`)
	ip(r, "link", "show", name) // it has not gone anywhere
}

// A namespace that is joined by its path has the devices too.
func TestNetDevicesInAJoinedNamespace(t *testing.T) {
	r := rig.New(t)
	if r.Runtime.Kind != rig.Minirun {
		r.Finding(r.Runtime.Kind, "it came with later versions")
	}
	name, _ := pair(r, 1)
	pod := r.Container().MustCreate().MustStart()
	c := r.Container(rig.Namespace(specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", pod.Pid())),
		rig.Sh("ip link show dev "+name), netDevices(map[string]string{name: ""}))
	if got := c.Output(); !strings.Contains(got, name) || !strings.Contains(got, "UP") {
		t.Errorf("%q", got)
	}
	pod.MustDelete("--force")
}
