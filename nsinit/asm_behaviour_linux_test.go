package nsinit

import (
	"reflect"
	"runtime"
	"syscall"
	"testing"
)

const (
	cloneVM    = 0x100
	cloneVfork = 0x4000
)

// A plan's steps and what an image of it does.
var behaviours = []behaviourRow{
	{
		name:   "writes and exits",
		plan:   plan(do("write", konst(1), addr(text("hello")), konst(5)), exit(7)),
		stdout: "hello",
		code:   7,
	},
	{
		name:    "reports the step that failed",
		plan:    plan(do("getpid"), do("close", konst(-1)), exit(0)),
		reports: []Report{{1, -int32(syscall.EBADF)}},
		code:    1,
	},
	{
		name:    "tolerates an errno",
		plan:    plan(do("close", konst(-1)).on(syscall.EBADF, ""), Mark{Value: konst(5)}, exit(0)),
		reports: []Report{{1, 5}},
	},
	{
		name:    "tolerates no other errno",
		plan:    plan(do("close", konst(-1)).on(syscall.EPERM, "").on(syscall.ENOSYS, ""), exit(0)),
		reports: []Report{{0, -int32(syscall.EBADF)}},
		code:    1,
	},
	{
		name: "goes where the first match says",
		plan: plan(
			do("close", konst(-1)).on(syscall.EPERM, "a").on(syscall.EBADF, "b").on(syscall.EBADF, "a"),
			at("a", exit(1)),
			at("b", exit(2))),
		code: 2,
	},
	{
		name: "goes where success says",
		plan: plan(do("getpid").then("b"), exit(1), at("b", exit(2))),
		code: 2,
	},
	behaviour(func(c *Cell) (string, *Plan, []Report) {
		return "keeps a tolerated error in the result", plan(
			do("close", konst(-1)).into(c).on(syscall.EBADF, "on"),
			exit(1),
			at("on", Mark{Value: Val{c}}),
			exit(0)), []Report{{2, -int32(syscall.EBADF)}}
	}),
	behaviour(func(c *Cell) (string, *Plan, []Report) {
		return "keeps an error before it jumps back", plan(
			at("top", If{Cell: c, Cmp: Lt, Value: konst(0), To: "out"}),
			do("close", konst(-1)).into(c).on(syscall.EBADF, "top"),
			exit(1),
			at("out", exit(0))), nil
	}),
	behaviour(func(c *Cell) (string, *Plan, []Report) {
		return "counts in a loop", plan(
			at("loop", Mark{Value: Val{c}}),
			Set{Cell: c, A: Val{c}, Fn: Add, B: konst(1)},
			If{Cell: c, Cmp: Lt, Value: konst(3), To: "loop"},
			exit(0)), []Report{{0, 0}, {0, 1}, {0, 2}}
	}),
	{
		name:    "fails on demand",
		plan:    plan(Goto{"bad"}, exit(0), at("bad", Fail{Errno: syscall.ELOOP})),
		reports: []Report{{2, -int32(syscall.ELOOP)}},
		code:    1,
	},
	{
		name: "skips what the host does",
		plan: plan(Goto{"host"}, exit(1), at("host", Host{"mkdir"}), Host{"rmdir"}, exit(0)),
	},
	{
		name: "passes six arguments",
		plan: plan(
			do("mmap", konst(0), konst(4096), konst(3), konst(0x22), konst(-1), konst(0)),
			do("mmap", konst(0), konst(4096), konst(3), konst(0x02), konst(-1), konst(0)).on(syscall.EBADF, "fd"),
			exit(1),
			at("fd", do("mmap", konst(0), konst(4096), konst(3), konst(0x22), konst(-1), konst(12345)).on(syscall.EINVAL, "off")),
			exit(2),
			at("off", exit(0))),
	},
	gather(),
	wideResults(),
	vfork(),
}

type behaviourRow struct {
	name    string
	plan    *Plan
	reports []Report
	stdout  string
	code    int
}

// behaviour is a row whose plan has a cell.
func behaviour(row func(c *Cell) (string, *Plan, []Report)) behaviourRow {
	name, p, reports := row(&Cell{Name: "c"})
	return behaviourRow{name: name, plan: p, reports: reports}
}

// gather writes what an iovec in patched data points at, after setting a
// length in it by a cell.
func gather() behaviourRow {
	iov := &Data{Bytes: make([]byte, 8), Size: 32, Relocs: []Reloc{{0, text("ab")}, {16, text("cdef")}}}
	first, second := &Cell{Name: "len", Data: iov, Off: 8}, &Cell{Name: "len", Data: iov, Off: 24}
	msg := &Data{Size: 56, Relocs: []Reloc{{16, iov}}}
	count := &Cell{Name: "iovlen", Data: msg, Off: 24}
	pair := &Data{Size: 8}
	buf := &Data{Size: 100, Align: 1}
	n := &Cell{Name: "n"}
	return behaviourRow{
		name: "patches addresses and cells into data",
		plan: plan(
			Set{Cell: first, A: konst(2)},
			Set{Cell: second, A: konst(3)},
			Set{Cell: count, A: konst(2)},
			do("socketpair", konst(1), konst(1), konst(0), addr(pair)),
			do("sendmsg", Val{&Cell{Data: pair}}, addr(msg), konst(0)),
			do("read", Val{&Cell{Data: pair, Off: 4}}, Ptr{buf, 1}, konst(99)).into(n),
			do("write", konst(1), Ptr{buf, 1}, Val{n}),
			exit(0)),
		stdout: "abcde",
	}
}

// wideResults has results of 64 bits whose low half looks like an error.
func wideResults() behaviourRow {
	fd, low := &Cell{Name: "fd"}, &Cell{Name: "low"}
	p := plan(do("memfd_create", addr(text("x")), konst(1)).into(fd))
	var reports []Report
	for _, off := range []int{0x7fffffff, 0x80000000, 0xfffff000, 0xfffff001, 0xffffffff, 1<<40 + 0xffffffea, 1<<62 + 5} {
		reports = append(reports, Report{uint32(len(p.Steps) + 1), int32(off)})
		p.Steps = append(p.Steps, Step{Op: do("lseek", Val{fd}, konst(off), konst(0)).into(low)}, Step{Op: Mark{Value: Val{low}}})
	}
	p.Steps = append(p.Steps, Step{Op: exit(0)})
	return behaviourRow{name: "takes no low half for an error", plan: p, reports: reports}
}

// vfork has a child in the parent's memory, which the parent waits for.
func vfork() behaviourRow {
	pid, status := &Cell{Name: "pid"}, &Cell{Name: "status", Data: &Data{Size: 4}}
	argv := &Data{Size: 32, Relocs: []Reloc{{0, text("sh")}, {8, text("-c")}, {16, text("exit 3")}}}
	return behaviourRow{
		name: "forks, executes and waits",
		plan: plan(
			do("clone", konst(cloneVM|cloneVfork|int(syscall.SIGCHLD)), konst(0), konst(0), konst(0), konst(0)).into(pid),
			If{Cell: pid, Cmp: Eq, Value: konst(0), To: "child"},
			do("wait4", Val{pid}, Ptr{status.Data, 0}, konst(0), konst(0)),
			Mark{Value: Val{status}},
			exit(0),
			at("child", do("execve", addr(text("/bin/sh")), addr(argv), Ptr{argv, 24}))),
		reports: []Report{{3, 3 << 8}},
	}
}

func TestImage(t *testing.T) {
	onEach(t, func(t *testing.T, arch string) {
		for _, b := range behaviours {
			t.Run(b.name, func(t *testing.T) {
				got := run(t, b.plan.on(arch), nil)
				want := ran{b.reports, b.stdout, syscall.WaitStatus(b.code << 8)}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	})
}

// The child of a vfork runs in its parent's memory, but not under qemu.
func TestVforkedChildSharesCells(t *testing.T) {
	pid, shared := &Cell{Name: "pid"}, &Cell{Name: "shared"}
	got := run(t, plan(
		do("clone", konst(cloneVM|cloneVfork|int(syscall.SIGCHLD)), konst(0), konst(0), konst(0), konst(0)).into(pid),
		If{Cell: pid, Cmp: Eq, Value: konst(0), To: "child"},
		Mark{Value: Val{shared}},
		do("wait4", Val{pid}, konst(0), konst(0), konst(0)),
		exit(0),
		at("child", Set{Cell: shared, A: konst(42)}),
		do("close", konst(-1)),
		exit(9)).on(runtime.GOARCH), nil)
	want := []Report{{6, -int32(syscall.EBADF)}, {2, 42}} // the child fails, the parent goes on
	if !reflect.DeepEqual(got.reports, want) || got.status != 0 {
		t.Errorf("got %+v, want reports %v", got, want)
	}
}

// Nobody reads the reports: the image ends by SIGPIPE, or, as PID 1, which
// the kernel spares, by itself.
func TestImageEndsWithoutReader(t *testing.T) {
	for _, test := range []struct {
		name string
		op   Op
		attr *syscall.SysProcAttr
		want syscall.WaitStatus
	}{
		{"failure", do("close", konst(-1)), nil, syscall.WaitStatus(syscall.SIGPIPE)},
		{"failure of PID 1", do("close", konst(-1)), &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, 1 << 8},
		{"mark", Mark{Value: konst(0)}, nil, syscall.WaitStatus(syscall.SIGPIPE)},
		{"mark of PID 1", Mark{Value: konst(0)}, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, 1 << 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			broken := &Data{Size: 8}
			p := plan(do("pipe2", addr(broken), konst(0)), do("close", Val{&Cell{Data: broken}}), test.op, exit(0))
			p.Report = 5 // 4 is the end that reads
			if got := run(t, p.on(runtime.GOARCH), test.attr); got.status != test.want || len(got.reports) != 0 {
				t.Errorf("got %+v, want status %#x", got, test.want)
			}
		})
	}
}

// Marks that nobody can get end the image.
func TestMarkFailsWithItsWrite(t *testing.T) {
	onEach(t, func(t *testing.T, arch string) {
		p := plan(Mark{Value: konst(0)}, exit(0)).on(arch)
		p.Report = 99
		if got := run(t, p, nil); got.status != 1<<8 {
			t.Errorf("got %+v, want exit status 1", got)
		}
	})
}

// Each of many steps fails in its turn, near and far from its entry in the sled.
func TestEveryStepCanFail(t *testing.T) {
	const n = 150
	arg := &Cell{Name: "fd"}
	steps := func(bad int) *Plan {
		p := plan(do("dup3", konst(3), konst(50), konst(0)).into(arg))
		for i := 1; i < n; i++ {
			op := do("fcntl", Val{arg}, konst(1), konst(i*i), konst(i<<20))
			if i == bad {
				op.Args[0] = konst(-1)
			}
			if i%10 == 0 {
				op = op.on(syscall.EINVAL, "back")
			}
			p.Steps = append(p.Steps, Step{Op: op}, Step{Op: Host{}})
		}
		p.Steps = append(p.Steps, Step{Op: exit(0)}, at("back", Goto{"back"}))
		return p
	}
	onEach(t, func(t *testing.T, arch string) {
		for i := 1; i < n; i += map[bool]int{true: 1, false: 29}[arch == runtime.GOARCH] {
			want := []Report{{uint32(2*i - 1), -int32(syscall.EBADF)}}
			if got := run(t, steps(i).on(arch), nil); !reflect.DeepEqual(got.reports, want) {
				t.Fatalf("reports are %v, want %v", got.reports, want)
			}
		}
	})
}

func mustAssemble(t testing.TB, p *Plan) *Image {
	t.Helper()
	im, err := Assemble(p)
	if err != nil {
		t.Fatal(err)
	}
	return im
}
