package tests

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"minirun/nsinit"
	"minirun/tests/rig"
)

// The programs of the init's tests do what neither a shell nor a Go program
// can: take each signal with its siginfo_t, fork ten thousand times a second,
// leave zombies behind.
type program struct{ rig.Program }

func hoard(n int) *program { return &program{*rig.Hoard(n)} }

func orphans(n int) *program { return &program{*rig.Orphans(n)} }

// build writes the program to /prog of the container.
func (p *program) build(c *rig.Container) {
	c.Helper()
	if err := p.Write(filepath.Join(c.Rootfs(), "prog")); err != nil {
		c.Fatal(err)
	}
}

// witness writes the siginfo_t of each signal that it gets; infoSize is its size.
func witness() *program {
	const wait = "wait"
	p, info := &program{}, &nsinit.Data{Size: infoSize}
	p.Block()
	p.Print(rig.ReadyText)
	p.Do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{rig.Pointer(rig.Every), rig.Pointer(info), rig.Number(0), rig.Number(8)},
		On: []nsinit.On{{Errno: unix.EINTR, To: wait}}}, wait)
	p.Do(nsinit.Call{Name: "write", Args: []nsinit.Arg{rig.Number(1), rig.Pointer(info), rig.Number(infoSize)}, OK: wait})
	return p
}

const (
	readyText = rig.ReadyText
	infoSize  = 128
)

// late ends with a code that its second thread gives it, when the first has
// already ended with another. A signal that waits for the first thread alone
// tells which of the two is which: clone's result goes to memory of both.
func late(first, second int) *program {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	p, tid := &program{}, &nsinit.Cell{Name: "tid"}
	usr1 := rig.Pointer(&nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(nil, 1<<(unix.SIGUSR1-1))})
	timeout := func(ns uint64) nsinit.Ptr {
		return rig.Pointer(&nsinit.Data{Bytes: binary.LittleEndian.AppendUint64(make([]byte, 8), ns)})
	}
	p.Block()
	p.Do(nsinit.Call{Name: "gettid", Result: tid})
	p.Call("tkill", nsinit.Val{Cell: tid}, rig.Number(int(unix.SIGUSR1)))
	p.Call("clone", rig.Number(flags), rig.Number(0), rig.Number(0), rig.Number(0), rig.Number(0))
	p.Do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{usr1, rig.Number(0), timeout(0), rig.Number(8)},
		On: []nsinit.On{{Errno: unix.EAGAIN, To: "thread"}}})
	p.Call("exit", rig.Number(first))
	p.Do(nsinit.Call{Name: "rt_sigtimedwait", Args: []nsinit.Arg{usr1, rig.Number(0), timeout(100e6), rig.Number(8)},
		On: []nsinit.On{{Errno: unix.EAGAIN}}}, "thread")
	p.Call("exit_group", rig.Number(second))
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
