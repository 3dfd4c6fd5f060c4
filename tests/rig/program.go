package rig

import (
	"encoding/binary"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
)

// A Program does what neither a shell nor a Go program can: fork ten thousand
// times a second, leave zombies behind, take each signal with its siginfo_t. It
// is made by the assembler of package nsinit, which the tests otherwise do not
// look into.
type Program struct{ plan nsinit.Plan }

// Number is an argument.
func Number(v int) nsinit.Const { return nsinit.Const{V: uint64(int64(v))} }

// Pointer is the address of data.
func Pointer(d *nsinit.Data) nsinit.Ptr { return nsinit.Ptr{Data: d} }

// Do appends an operation, with a label if there is one.
func (p *Program) Do(op nsinit.Op, label ...string) {
	s := nsinit.Step{Op: op}
	if len(label) > 0 {
		s.Label = label[0]
	}
	p.plan.Steps = append(p.plan.Steps, s)
}

// Call appends a system call, whose errors end the program.
func (p *Program) Call(name string, args ...nsinit.Arg) {
	p.Do(nsinit.Call{Name: name, Args: args})
}

// Print writes to the standard output.
func (p *Program) Print(text string) {
	p.Call("write", Number(1), Pointer(&nsinit.Data{Bytes: []byte(text), Align: 1}), Number(len(text)))
}

// Fork goes to the label in the child.
func (p *Program) Fork(to string) {
	pid := &nsinit.Cell{Name: "pid"}
	p.Do(nsinit.Call{Name: "clone", Result: pid, Args: []nsinit.Arg{Number(int(unix.SIGCHLD)), Number(0), Number(0), Number(0), Number(0)}})
	p.Do(nsinit.If{Cell: pid, Cmp: nsinit.Eq, Value: Number(0), To: to})
}

// Every is a sigset_t of all signals.
var Every = &nsinit.Data{Bytes: []byte{255, 255, 255, 255, 255, 255, 255, 255}}

// Block blocks every signal.
func (p *Program) Block() {
	p.Call("rt_sigprocmask", Number(unix.SIG_SETMASK), Pointer(Every), Number(0), Number(8))
}

// Repeat runs the body n times; labels made of name must be its own.
func (p *Program) Repeat(name string, n int, body func()) {
	left := &nsinit.Cell{Name: "left"}
	p.Do(nsinit.Set{Cell: left, A: Number(n)})
	p.Do(nsinit.If{Cell: left, Cmp: nsinit.Eq, Value: Number(0), To: name + " over"}, name)
	p.Do(nsinit.Set{Cell: left, A: nsinit.Val{Cell: left}, Fn: nsinit.Sub, B: Number(1)})
	body()
	p.Do(nsinit.Goto{To: name})
	p.Do(nsinit.Host{}, name+" over")
}

// WaitForTerm sleeps until SIGTERM.
func (p *Program) WaitForTerm() {
	term := &nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(nil, 1<<(unix.SIGTERM-1))}
	p.Call("rt_sigtimedwait", Pointer(term), Number(0), Number(0), Number(8))
	p.Call("exit_group", Number(0))
}

// Hoard leaves n zombies with a process called "hoarder", a child of PID 1's,
// whose end hands them over.
func Hoard(n int) *Program {
	p := &Program{}
	p.Block()
	p.Fork("middle")
	p.Call("wait4", Number(-1), Number(0), Number(0), Number(0))
	p.WaitForTerm()
	p.Do(nsinit.Host{}, "middle")
	p.Fork("hoarder")
	p.Do(nsinit.Goto{To: "exit"})
	p.Do(nsinit.Host{}, "hoarder")
	p.Call("prctl", Number(unix.PR_SET_NAME), Pointer(&nsinit.Data{Bytes: []byte("hoarder\x00")}))
	p.Repeat("child", n, func() { p.Fork("exit") })
	p.Print(ReadyText)
	p.WaitForTerm()
	p.Do(nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{Number(0)}}, "exit")
	return p
}

// Orphans makes n processes, one after the other, whose parent ends before them.
func Orphans(n int) *Program {
	p := &Program{}
	p.Block()
	p.Repeat("orphan", n, func() {
		p.Fork("parent")
		p.Call("wait4", Number(-1), Number(0), Number(0), Number(0))
	})
	p.Print(ReadyText)
	p.WaitForTerm()
	p.Do(nsinit.Host{}, "parent")
	p.Fork("exit")
	p.Do(nsinit.Call{Name: "exit_group", Args: []nsinit.Arg{Number(0)}}, "exit")
	return p
}

// ReadyText is what Hoard and Orphans print when they are ready.
const ReadyText = "ready\n"

// Write makes an executable file of the program.
func (p *Program) Write(path string) error {
	p.plan.Arch, p.plan.Report = runtime.GOARCH, 2
	im, err := nsinit.Assemble(&p.plan)
	if err != nil {
		return err
	}
	return os.WriteFile(path, im.ELF, 0o755)
}
