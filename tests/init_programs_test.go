package tests

import (
	"encoding/binary"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
	"minirun/tests/rig"
)

// The programs of the init's tests do what neither a shell nor a Go program
// can: take each signal with its siginfo_t, fork ten thousand times a second,
// leave zombies behind. They are made by the assembler of package nsinit,
// which the tests otherwise do not look into.
type program struct {
	plan nsinit.Plan
}

func number(v int) nsinit.Const { return nsinit.Const{V: uint64(int64(v))} }

func pointer(d *nsinit.Data) nsinit.Ptr { return nsinit.Ptr{Data: d} }

// do appends an operation, with a label if there is one.
func (p *program) do(op nsinit.Op, label ...string) {
	s := nsinit.Step{Op: op}
	if len(label) > 0 {
		s.Label = label[0]
	}
	p.plan.Steps = append(p.plan.Steps, s)
}

func (p *program) call(name string, args ...nsinit.Arg) {
	p.do(nsinit.Call{Name: name, Args: args})
}

func (p *program) write(text string) {
	p.call("write", number(1), pointer(&nsinit.Data{Bytes: []byte(text), Align: 1}), number(len(text)))
}

// fork goes to the label in the child.
func (p *program) fork(to string) {
	pid := &nsinit.Cell{Name: "pid"}
	p.do(nsinit.Call{Name: "clone", Result: pid, Args: []nsinit.Arg{number(int(unix.SIGCHLD)), number(0), number(0), number(0), number(0)}})
	p.do(nsinit.If{Cell: pid, Cmp: nsinit.Eq, Value: number(0), To: to})
}

// every is a sigset_t of all signals.
var every = &nsinit.Data{Bytes: []byte{255, 255, 255, 255, 255, 255, 255, 255}}

func (p *program) block() {
	p.call("rt_sigprocmask", number(unix.SIG_SETMASK), pointer(every), number(0), number(8))
}

// repeat runs the body n times; labels made of name must be its own.
func (p *program) repeat(name string, n int, body func()) {
	left := &nsinit.Cell{Name: "left"}
	p.do(nsinit.Set{Cell: left, A: number(n)})
	p.do(nsinit.If{Cell: left, Cmp: nsinit.Eq, Value: number(0), To: name + " over"}, name)
	p.do(nsinit.Set{Cell: left, A: nsinit.Val{Cell: left}, Fn: nsinit.Sub, B: number(1)})
	body()
	p.do(nsinit.Goto{To: name})
	p.do(nsinit.Host{}, name+" over")
}

// waitForTerm sleeps until SIGTERM.
func (p *program) waitForTerm() {
	term := &nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(nil, 1<<(unix.SIGTERM-1))}
	p.call("rt_sigtimedwait", pointer(term), number(0), number(0), number(8))
	p.call("exit_group", number(0))
}

// build writes the program to /prog of the container.
func (p *program) build(c *rig.Container) {
	c.Helper()
	p.plan.Arch, p.plan.Report = goruntime.GOARCH, 2
	im, err := nsinit.Assemble(&p.plan)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.Rootfs(), "prog"), im.ELF, 0o755)
	}
	if err != nil {
		c.Fatal(err)
	}
}

// witness writes the siginfo_t of each signal that it gets; infoSize is its size.
func witness() *program {
	const wait = "wait"
	p, info := &program{}, &nsinit.Data{Size: infoSize}
	p.block()
	p.write(readyText)
	p.do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{pointer(every), pointer(info), number(0), number(8)},
		On: []nsinit.On{{Errno: unix.EINTR, To: wait}}}, wait)
	p.do(nsinit.Call{Name: "write", Args: []nsinit.Arg{number(1), pointer(info), number(infoSize)}, OK: wait})
	return p
}

const (
	readyText = "ready\n"
	infoSize  = 128
)

// hoard leaves n zombies with a process called "hoarder", a child of PID 1's,
// whose end hands them over.
func hoard(n int) *program {
	p := &program{}
	p.block()
	p.fork("middle")
	p.call("wait4", number(-1), number(0), number(0), number(0))
	p.waitForTerm()
	p.do(nsinit.Host{}, "middle")
	p.fork("hoarder")
	p.do(nsinit.Goto{To: "exit"})
	p.do(nsinit.Host{}, "hoarder")
	p.call("prctl", number(unix.PR_SET_NAME), pointer(&nsinit.Data{Bytes: []byte("hoarder\x00")}))
	p.repeat("child", n, func() { p.fork("exit") })
	p.write(readyText)
	p.waitForTerm()
	p.do(nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{number(0)}}, "exit")
	return p
}

// orphans makes n processes, one after the other, whose parent ends before them.
func orphans(n int) *program {
	p := &program{}
	p.block()
	p.repeat("orphan", n, func() {
		p.fork("parent")
		p.call("wait4", number(-1), number(0), number(0), number(0))
	})
	p.write(readyText)
	p.waitForTerm()
	p.do(nsinit.Host{}, "parent")
	p.fork("exit")
	p.do(nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{number(0)}}, "exit")
	return p
}

// late ends with a code that its second thread gives it, when the first has
// already ended with another. A signal that waits for the first thread alone
// tells which of the two is which: clone's result goes to memory of both.
func late(first, second int) *program {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	p, tid := &program{}, &nsinit.Cell{Name: "tid"}
	usr1 := pointer(&nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(nil, 1<<(unix.SIGUSR1-1))})
	timeout := func(ns uint64) nsinit.Ptr {
		return pointer(&nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(make([]byte, 8), ns)})
	}
	p.block()
	p.do(nsinit.Call{Name: "gettid", Result: tid})
	p.call("tkill", nsinit.Val{Cell: tid}, number(int(unix.SIGUSR1)))
	p.call("clone", number(flags), number(0), number(0), number(0), number(0))
	p.do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{usr1, number(0), timeout(0), number(8)},
		On: []nsinit.On{{Errno: unix.EAGAIN, To: "thread"}}})
	p.call("exit", number(first))
	p.do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{usr1, number(0), timeout(100e6), number(8)},
		On: []nsinit.On{{Errno: unix.EAGAIN}}}, "thread")
	p.call("exit_group", number(second))
	return p
}

// infos are the siginfo_t in what a witness wrote.
func infos(t testing.TB, output string) (list []siginfo) {
	t.Helper()
	if len(output) < len(readyText) {
		return nil
	}
	data := []byte(output[len(readyText):])
	for ; len(data) >= infoSize; data = data[infoSize:] {
		at := func(off int) int { return int(int32(binary.LittleEndian.Uint32(data[off:]))) }
		list = append(list, siginfo{at(0), at(8), at(16), at(24)})
	}
	return list
}

// siginfo is what a receiver learns of a signal.
type siginfo struct{ sig, code, pid, value int }
