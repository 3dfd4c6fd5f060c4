package nsinit

import (
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestEmulate(t *testing.T) {
	pid := &Cell{Name: "pid"}
	fork := plan(
		do("clone").into(pid),
		If{Cell: pid, Cmp: Eq, Value: konst(0), To: "child"},
		Mark{Value: Val{pid}},
		do("wait4", Val{pid}).on(syscall.EINTR, ""),
		exit(4),
		at("child", do("execve", addr(text("/bin/sh"))).on(syscall.ENOENT, "missing")),
		at("missing", exit(0x17f)))
	for _, test := range []struct {
		name    string
		results map[string]int64
		want    Outcome
	}{
		{"the parent waits", map[string]int64{"clone": 7}, Outcome{4, "exit_group", 4, []Report{{2, 7}}}},
		{"the parent is interrupted", map[string]int64{"clone": 7, "wait4": -4}, Outcome{4, "exit_group", 4, []Report{{2, 7}}}},
		{"the parent's wait fails", map[string]int64{"clone": 7, "wait4": -10}, Outcome{3, "exit_group", 1, []Report{{2, 7}, {3, -10}}}},
		{"the child executes", nil, Outcome{5, "execve", 0, nil}},
		{"the child's program is missing", map[string]int64{"execve": -2}, Outcome{6, "exit_group", 127, nil}},
		{"there is no memory", map[string]int64{"clone": -12}, Outcome{0, "exit_group", 1, []Report{{0, -12}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Emulate(fork.on("amd64"), func(step int, name string, args []uint64, mem Memory) int64 {
				if name == "execve" && mem.String(args[0]) != "/bin/sh" {
					t.Errorf("execve of %q", mem.String(args[0]))
				}
				return test.results[name]
			})
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// A kernel can fill in what a call asks it to, as a signalfd's read does.
func TestEmulatedKernelWritesMemory(t *testing.T) {
	info := &Data{Size: 128}
	signal := &Cell{Name: "signal", Data: info}
	p := plan(
		do("read", konst(4), addr(info), konst(128)),
		Mark{Value: Val{signal}},
		exit(0))
	got, err := Emulate(p.on("arm64"), func(step int, name string, args []uint64, mem Memory) int64 {
		if name == "read" {
			mem.Bytes(args[1], args[2])[0] = 15
			return 128
		}
		return 0
	})
	if want := []Report{{1, 15}}; err != nil || !reflect.DeepEqual(got.Reports, want) {
		t.Errorf("reports are %v, %v, want %v", got.Reports, err, want)
	}
}

func TestEmulateEndsWhatDoesNot(t *testing.T) {
	_, err := Emulate(plan(at("a", Goto{"a"})).on("amd64"), nil)
	if err == nil || !strings.Contains(err.Error(), "no end after") {
		t.Errorf("error is %v", err)
	}
	if _, err := Emulate(plan(do("nosuch")).on("amd64"), nil); err == nil {
		t.Error("an unknown system call is no error")
	}
}

func TestMemoryRefusesWhatIsOutside(t *testing.T) {
	m := Memory("\x00abc")
	for _, test := range []struct {
		addr, n uint64
		want    []byte
	}{
		{imageBase, 4, m}, {imageBase + 1, 2, m[1:3]}, {imageBase + 4, 0, Memory{}},
		{imageBase, 5, nil}, {imageBase + 5, 0, nil}, {imageBase - 1, 1, nil}, {imageBase + 1, 1<<64 - 1, nil}, {0, 0, nil},
	} {
		if got := m.Bytes(test.addr, test.n); !reflect.DeepEqual([]byte(got), []byte(test.want)) {
			t.Errorf("%d bytes at %#x are %v, want %v", test.n, test.addr, got, test.want)
		}
	}
	for _, addr := range []uint64{0, imageBase, imageBase + 1, imageBase + 9} {
		if got := m.String(addr); got != "" {
			t.Errorf("string at %#x is %q", addr, got)
		}
	}
}

// Every relation and every function, on numbers of both signs.
func TestArithmetic(t *testing.T) {
	numbers := []int32{0, 1, -1, 5, -22, 1<<31 - 1, -1 << 31, 0x5555}
	for _, a := range numbers {
		for _, b := range numbers {
			relations := map[Cmp]bool{Eq: a == b, Ne: a != b, Lt: a < b, Ge: a >= b}
			for cmp, want := range relations {
				if got := (If{Cmp: cmp}).holds(a, b); got != want {
					t.Errorf("%d %s %d is %t", a, cmp, b, got)
				}
			}
			if got, want := (If{Cmp: Eq, Mask: 0xff}).holds(a, b), a&0xff == b; got != want {
				t.Errorf("%d & 0xff == %d is %t", a, b, got)
			}
			x, y := uint32(a), uint32(b)
			functions := map[Fn]uint32{Add: x + y, And: x & y, Or: x | y, Sub: x - y, Shl: x << (y % 32), Shr: x >> (y % 32)}
			for fn, want := range functions {
				if got := fn.of(x, y); got != want {
					t.Errorf("%#x %s %#x is %#x, want %#x", x, fn, y, got, want)
				}
			}
		}
	}
}
