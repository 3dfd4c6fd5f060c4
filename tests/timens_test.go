package tests

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

func timeOffsets(monotonic, boottime int64) rig.Mod {
	return func(s *specs.Spec) {
		rig.Namespace(specs.TimeNamespace, "")(s)
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{
			"monotonic": {Secs: monotonic}, "boottime": {Secs: boottime, Nanosecs: 5},
		}
	}
}

// uptime is CLOCK_BOOTTIME in whole seconds, from /proc/uptime.
func uptime(t *testing.T, text string) int64 {
	t.Helper()
	whole, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Offsets are those of the first process already, in every kind of container.
func TestTimeOffsets(t *testing.T) {
	const day = 86400
	for name, mods := range map[string][]rig.Mod{
		"alone":                 nil,
		"with a user namespace": {userNS("")},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig.New(t)
			r.Finding(rig.Runc, "1.1.5 has no time namespaces")
			r.Finding(rig.Crun, "1.8.1 fails, or with a user namespace sets no offsets")
			c := mappedIf(r, len(mods) > 0, timeOffsets(7*day, 3*day), rig.Sh("cat /proc/self/timens_offsets | tr -s ' '; cat /proc/uptime"))
			lines := strings.Split(c.Output(), "\n")
			if len(lines) != 3 || lines[0] != "monotonic 604800 0" || lines[1] != "boottime 259200 5" {
				t.Fatalf("%q", lines)
			}
			if late := uptime(t, lines[2]) - uptime(t, r.Read("/proc/uptime")); late > 3*day || late < 3*day-300 {
				t.Errorf("uptime is off by %d s, not by three days", late)
			}
		})
	}
}

// mappedIf is a container with a user namespace or without one.
func mappedIf(r *rig.Rig, user bool, mods ...rig.Mod) *rig.Container {
	r.Helper()
	if user {
		return mappedContainer(r, mods...)
	}
	return r.Container(mods...)
}

func TestJoinedTimeNamespaceAndExec(t *testing.T) {
	r := rig.New(t)
	r.Finding(rig.Runc, "1.1.5 has no time namespaces")
	r.Finding(rig.Crun, "1.8.1 does not join a time namespace by path")
	other := r.Container(timeOffsets(1000, 2000)).MustCreate().MustStart()
	ns := nsOf(t, other.Pid(), "time")
	if ns == nsOf(t, "self", "time") {
		t.Fatal("the container is in the host's time namespace")
	}
	if got := other.OK("exec", other.ID, "readlink", "/proc/self/ns/time").Stdout; got != ns+"\n" {
		t.Errorf("exec is in %s", got)
	}
	c := r.Container(rig.Namespace(specs.TimeNamespace, fmt.Sprintf("/proc/%d/ns/time", other.Pid())),
		rig.Sh("readlink /proc/self/ns/time; tr -s ' ' < /proc/self/timens_offsets"))
	if got := c.Output(); got != ns+"\nmonotonic 1000 0\nboottime 2000 5" {
		t.Errorf("joined: %s, want %s", got, ns)
	}
	other.MustDelete("--force")
}
