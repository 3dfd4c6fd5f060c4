package cgroups

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	peerdevices "github.com/opencontainers/cgroups/devices/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const denyAll = `{"allow":false,"access":"rwm"}`

func rules(t testing.TB, text string) []specs.LinuxDeviceCgroup {
	return resources(t, `{"devices":[`+text+`]}`).Devices
}

// TestDeviceLists shows exceptions without the default devices, unless a case
// is about them.
func TestDeviceLists(t *testing.T) {
	for _, tt := range []struct{ name, rules, want string }{
		{"no rules deny all", ``, ``},
		{"deny all", denyAll, ``},
		{"in the order of the config", denyAll + `,{"allow":true,"type":"c","major":10,"minor":229,"access":"rwm"},{"allow":true,"type":"b","major":8,"minor":20,"access":"wr"},{"allow":true,"type":"b","major":10,"minor":200,"access":"r"}`,
			"c 10:229 rwm, b 8:20 rw, b 10:200 r"},
		{"before a deny all nothing counts", `{"allow":true,"type":"c","major":10,"minor":229,"access":"rwm"},` + denyAll, ``},
		{"access adds up", `{"allow":true,"type":"c","major":10,"minor":1,"access":"r"},{"allow":true,"type":"c","major":10,"minor":1,"access":"w"}`, "c 10:1 rw"},
		{"access is taken away", `{"allow":true,"type":"c","major":10,"minor":1,"access":"rwm"},{"allow":false,"type":"c","major":10,"minor":1,"access":"w"}`, "c 10:1 rm"},
		{"a wider rule takes all of it", `{"allow":true,"type":"c","major":10,"minor":1,"access":"rwm"},{"allow":false,"type":"c","major":10,"access":"rwm"}`, ``},
		{"to deny what is denied is nothing", denyAll + `,{"allow":false,"type":"c","major":10,"minor":229,"access":"rwm"}`, ``},
		{"a narrow rule without a type is for both", `{"allow":true,"major":7,"access":"r"}`, "b 7:* r, c 7:* r"},
		{"allow all", `{"allow":true,"access":"rwm"}`, "all"},
		{"allow all but", `{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":7,"access":"w"}`, "all but c 1:7 w"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := devicesOf(rules(t, tt.rules))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range l.exceptions {
				if l.allow || !slices.Contains(defaultDevices(), e) {
					got = append(got, e.String())
				}
			}
			s := strings.Join(got, ", ")
			if l.allow {
				s = strings.TrimSuffix("all but "+s, " but ")
			}
			if s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

func TestDefaultDevices(t *testing.T) {
	for _, tt := range []struct {
		rules, has, hasNot string
	}{
		{``, "c 1:3 rwm", ""},
		{denyAll, "c 1:3 rwm", ""},
		{denyAll + `,{"allow":false,"type":"c","major":1,"minor":7,"access":"rwm"}`, "c 1:3 rwm", "c 1:7"},
		{denyAll + `,{"allow":false,"type":"c","major":1,"minor":7,"access":"w"}`, "c 1:7 rm", "c 1:7 rwm"},
		{denyAll + `,{"allow":false,"type":"c","access":"m"}`, "c 1:3 rw", "c *:* m"},
		{`{"allow":false,"type":"c","major":1,"minor":7,"access":"rwm"},` + denyAll, "c 1:7 rwm", ""},
		{`{"allow":true,"access":"rwm"}`, "a *:* rwm", "c 1:3"},
	} {
		l, err := devicesOf(rules(t, tt.rules))
		if err != nil {
			t.Fatal(err)
		}
		got := l.String() + "\n"
		if !strings.Contains(got, tt.has+"\n") || tt.hasNot != "" && strings.Contains(got, tt.hasNot) {
			t.Errorf("%s: got\n%swant %q, not %q", tt.rules, got, tt.has, tt.hasNot)
		}
	}
}

func TestDeviceRulesRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"allow":true}`: `cgroup: linux.resources.devices[0].access: "" is not made of r, w and m`,
		denyAll + `,{"allow":true,"type":"c","access":"rx"}`:                                          `cgroup: linux.resources.devices[1].access: "rx" is not made of r, w and m`,
		`{"allow":true,"type":"p","access":"r"}`:                                                      `cgroup: linux.resources.devices[0].type: "p" is not a, b or c`,
		`{"allow":true,"type":"c","major":4294967296,"access":"r"}`:                                   `cgroup: linux.resources.devices[0].major: 4294967296 is out of range`,
		`{"allow":true,"type":"c","minor":-2,"access":"r"}`:                                           `cgroup: linux.resources.devices[0].minor: -2 is out of range`,
		`{"allow":true,"type":"c","access":"m"},{"allow":false,"type":"c","major":10,"access":"rwm"}`: `cgroup: linux.resources.devices[1]: c 10:* rwm is part of c *:* m, which an earlier rule set, and cannot be taken out of it`,
	} {
		if _, err := devicesOf(rules(t, text)); message(err) != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// reference decides as Linux 6.18 does in devcgroup_legacy_check_permission
// (security/device_cgroup.c), over the rules that were written to its files.
func reference(l *deviceList, kind byte, major, minor int64, access int) bool {
	for _, e := range l.exceptions {
		if e.kind != kind || e.major != -1 && e.major != major || e.minor != -1 && e.minor != minor {
			continue
		}
		if l.allow && access&e.access != 0 {
			return false // match_exception_partial
		}
		if !l.allow && access&^e.access == 0 {
			return true // match_exception
		}
	}
	return l.allow
}

// run interprets a program, with what the kernel's verifier demands: jumps go
// forward and inside, every path ends in exit with r0 set.
func run(p []insn, kind byte, major, minor int64, access int) (bool, error) {
	accessType := uint32(access)<<16 | 2 // BPF_DEVCG_DEV_CHAR
	if kind == 'b' {
		accessType = uint32(access)<<16 | 1
	}
	ctx := map[int16]uint32{0: accessType, 4: uint32(major), 8: uint32(minor)}
	var r [6]uint32
	isContext, isSet := [6]bool{1: true}, [6]bool{1: true}
	for pc := 0; pc < len(p); pc++ {
		i := p[pc]
		read := i.dst
		switch i.code {
		case 0x61: // ldxw
			if !isContext[i.src] {
				return false, fmt.Errorf("insn %d loads through r%d", pc, i.src)
			}
			r[i.dst], isSet[i.dst], isContext[i.dst] = ctx[i.off], true, false
			continue
		case 0xbc, 0xb4: // mov32
			if i.code == 0xb4 {
				r[i.dst] = uint32(i.imm)
			} else if r[i.dst], read = r[i.src], i.src; isContext[i.src] {
				return false, fmt.Errorf("insn %d copies the context", pc)
			}
			isSet[i.dst], isContext[i.dst] = true, false
		case 0x54: // and32
			r[i.dst] &= uint32(i.imm)
		case 0x74: // rsh32
			r[i.dst] >>= uint32(i.imm)
		case 0x56, 0x16: // jne32, jeq32
			if i.off < 0 || pc+1+int(i.off) >= len(p) {
				return false, fmt.Errorf("insn %d jumps to %d of %d", pc, pc+1+int(i.off), len(p))
			}
			if (r[i.dst] == uint32(i.imm)) == (i.code == 0x16) {
				pc += int(i.off)
			}
		case 0x95: // exit
			if !isSet[0] {
				return false, fmt.Errorf("exit without a result")
			}
			return r[0] == 1, nil
		default:
			return false, fmt.Errorf("insn %d has unknown code %#x", pc, i.code)
		}
		if !isSet[read] {
			return false, fmt.Errorf("insn %d reads r%d unset", pc, read)
		}
	}
	return false, fmt.Errorf("fell off the end")
}

// numbers are those of a list, those beside them, and extremes.
func numbers(l *deviceList) []int64 {
	ns := []int64{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	for _, e := range l.exceptions {
		ns = append(ns, max(e.major, 0), max(e.minor, 0), max(e.major, 0)+1)
	}
	slices.Sort(ns)
	return slices.Compact(ns)
}

func checkProgram(t *testing.T, l *deviceList) {
	t.Helper()
	p := l.program()
	for _, kind := range []byte("bc") {
		for _, major := range numbers(l) {
			for _, minor := range numbers(l) {
				for access := 1; access <= accessAll; access++ {
					got, err := run(p, kind, major, minor, access)
					if err != nil {
						t.Fatalf("%v\n%v", err, l)
					}
					if want := reference(l, kind, major, minor, access); got != want {
						t.Fatalf("%c %d:%d %s: program says %v, the kernel's version 1 %v\n%v", kind, major, minor, accessString(access), got, want, l)
					}
				}
			}
		}
	}
}

func TestProgramDecidesAsVersion1(t *testing.T) {
	checked := map[string]bool{}
	for name, r := range allResources(t) {
		l, err := devicesOf(r.Devices)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !checked[l.String()] {
			checkProgram(t, l)
		}
		checked[l.String()] = true
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		l := &deviceList{allow: rng.IntN(2) == 0}
		for range rng.IntN(6) {
			l.add(exception{device{"bc"[rng.IntN(2)], rng.Int64N(4) - 1, []int64{-1, 0, 1, 1 << 31, 1<<32 - 1}[rng.IntN(5)]}, 1 + rng.IntN(accessAll)})
		}
		checkProgram(t, l)
	}
}

// TestRuleByRule holds devicesOf against the meaning that the spec gives to a
// list of rules: the last one that speaks of a device and an access decides.
func TestRuleByRule(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 3000 {
		rs := randomRules(rng.IntN(1 << 30))
		l, err := devicesOf(rs)
		if err != nil {
			continue // says that version 1 cannot express it
		}
		accepted++
		for _, kind := range []string{"b", "c"} {
			for major := int64(20); major < 23; major++ {
				for minor := int64(0); minor < 3; minor++ {
					for _, access := range []int{accessRead, accessWrite} {
						if got, want := reference(l, kind[0], major, minor, access), lastRule(rs, kind, major, minor, access); got != want {
							t.Fatalf("%s %d:%d %s: got %v, want %v\n%v\n%+v", kind, major, minor, accessString(access), got, want, l, rs)
						}
					}
				}
			}
		}
	}
	if accepted < 500 {
		t.Errorf("only %d lists of rules were accepted", accepted)
	}
}

func randomRules(seed int) []specs.LinuxDeviceCgroup {
	rng := rand.New(rand.NewPCG(uint64(seed), 5))
	number := func(from, n int64) *int64 {
		if rng.IntN(3) == 0 {
			return nil
		}
		return new(from + rng.Int64N(n))
	}
	var rs []specs.LinuxDeviceCgroup
	for range rng.IntN(6) {
		rs = append(rs, specs.LinuxDeviceCgroup{
			Allow: rng.IntN(2) == 0, Type: []string{"", "a", "b", "c"}[rng.IntN(4)],
			Major: number(20, 3), Minor: number(0, 3), Access: []string{"r", "w", "rw", "rwm", "m"}[rng.IntN(5)],
		})
	}
	return rs
}

func lastRule(rs []specs.LinuxDeviceCgroup, kind string, major, minor int64, access int) bool {
	for _, r := range slices.Backward(rs) {
		a, _ := parseAccess(r.Access)
		if (r.Type == "" || r.Type == "a" || r.Type == kind) && (r.Major == nil || *r.Major == major) && (r.Minor == nil || *r.Minor == minor) && a&access != 0 {
			return r.Allow
		}
	}
	return false
}

func FuzzDevices(f *testing.F) {
	f.Add(true, "c", int64(1), int64(3), "rw", false, "", int64(-1), int64(-1), "rwm")
	f.Add(false, "b", int64(-1), int64(1<<32-1), "m", true, "a", int64(8), int64(-1), "w")
	f.Fuzz(func(t *testing.T, allow1 bool, type1 string, major1, minor1 int64, access1 string, allow2 bool, type2 string, major2, minor2 int64, access2 string) {
		l, err := devicesOf([]specs.LinuxDeviceCgroup{
			{Allow: allow1, Type: type1, Major: &major1, Minor: &minor1, Access: access1},
			{Allow: allow2, Type: type2, Major: &major2, Minor: &minor2, Access: access2},
		})
		if err == nil {
			checkProgram(t, l)
		}
	})
}

// peerDevices are the rules of config.json followed by the default ones, as
// runc has it.
func peerDevices(rs []specs.LinuxDeviceCgroup) []*peerdevices.Rule {
	all := peerResources(&specs.LinuxResources{Devices: rs}).Devices
	for _, e := range defaultDevices() {
		all = append(all, &peerdevices.Rule{Type: peerdevices.Type(e.kind), Major: e.major, Minor: e.minor,
			Permissions: peerdevices.Permissions(accessString(e.access)), Allow: true})
	}
	return all
}

func sortedLines(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(lines)
	return lines
}

func TestInitialUserNamespace(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n":                      true,
		"         0       1000          1\n":                      false,
		"         0     100000      65536\n":                      false,
		"         0          0       1000\n 1000 1000 4294966295": false,
	} {
		if got := initialUserNamespace(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
