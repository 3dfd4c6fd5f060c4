package signals

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A program is a static ELF executable of a few system calls, written byte
// by byte, because a Go test as PID 1 would catch 56 signals. It forks a peer that sends
// its parent each signal whose number it reads from standard input, makes its
// calls, and then does what its end says.
type program struct {
	code, data []byte
}

const (
	codeAt   = 0x400000 + 0x78 // after the headers
	dataAt   = 0x402000
	dataSize = 0x1000
)

// Exit codes by which a program tells how it took a signal, plus its number.
const (
	byHandler  = 0
	byWait     = 100
	bySignalfd = 200
)

func (p *program) raw(b ...byte) { p.code = append(p.code, b...) }

// call appends a system call with constant arguments; its result is in rax.
func (p *program) call(nr uint64, args ...uint64) {
	registers := [][]byte{{0x48, 0xbf}, {0x48, 0xbe}, {0x48, 0xba}, {0x49, 0xba}, {0x49, 0xb8}, {0x49, 0xb9}}
	for i, arg := range append(args, make([]uint64, 6-len(args))...) {
		p.raw(registers[i]...)
		p.code = binary.LittleEndian.AppendUint64(p.code, arg)
	}
	p.raw(0x48, 0xb8)
	p.code = binary.LittleEndian.AppendUint64(p.code, nr)
	p.raw(0x0f, 0x05)
}

// loop repeats what body appends.
func (p *program) loop(body func()) {
	top := len(p.code)
	body()
	p.raw(0xe9)
	p.code = binary.LittleEndian.AppendUint32(p.code, uint32(int32(top-len(p.code)-4)))
}

// child appends code that runs only where the last call returned 0.
func (p *program) child(body func()) {
	p.raw(0x48, 0x85, 0xc0, 0x0f, 0x85) // test rax, rax; jnz
	at := len(p.code)
	p.raw(0, 0, 0, 0)
	body()
	binary.LittleEndian.PutUint32(p.code[at:], uint32(len(p.code)-at-4))
}

// words puts data into the data segment and returns its address.
func (p *program) words(w ...uint64) uint64 {
	at := dataAt + uint64(len(p.data))
	for _, v := range w {
		p.data = binary.LittleEndian.AppendUint64(p.data, v)
	}
	return at
}

// exitWith exits with the low byte of rdi plus n.
func (p *program) exitWith(n byte) {
	p.raw(0x40, 0x80, 0xc7, n)             // add dil, n
	p.raw(0x40, 0x0f, 0xb6, 0xff)          // movzx edi, dil
	p.raw(0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05) // mov eax, exit_group; syscall
}

// newProgram begins with the handler and the peer.
func newProgram() *program {
	p := &program{}
	p.raw(0xeb, 0) // over the handler
	p.exitWith(byHandler)
	p.code[1] = byte(len(p.code) - 2)
	buf := p.words(0)
	p.call(unix.SYS_FORK)
	p.child(func() {
		p.loop(func() {
			p.call(unix.SYS_READ, 0, buf, 1)
			p.raw(0x48, 0x83, 0xf8, 1, 0x74, 15) // cmp rax, 1; je over the exit
			p.exitWith(0)
			p.call(unix.SYS_GETPPID)
			p.raw(0x48, 0x89, 0xc7)       // mov rdi, rax
			p.raw(0x0f, 0xb6, 0x34, 0x25) // movzx esi, byte [buf]
			p.code = binary.LittleEndian.AppendUint32(p.code, uint32(buf))
			p.raw(0xb8, unix.SYS_KILL, 0, 0, 0, 0x0f, 0x05)
			p.call(unix.SYS_WRITE, 1, buf, 1)
		})
	})
	return p
}

// handle installs the handler, which exits with the signal's number.
func (p *program) handle(sigs ...int) { p.action(codeAt+2, sigs) }
func (p *program) ignore(sigs ...int) { p.action(1, sigs) }

func (p *program) action(handler uint64, sigs []int) {
	const restorer = 0x04000000
	for _, sig := range sigs {
		p.call(unix.SYS_RT_SIGACTION, uint64(sig), p.words(handler, restorer, codeAt+2, 0), 0, 8)
	}
}

func (p *program) block(set Set)   { p.call(unix.SYS_RT_SIGPROCMASK, 0, p.words(uint64(set)), 0, 8) }
func (p *program) unblock(set Set) { p.call(unix.SYS_RT_SIGPROCMASK, 1, p.words(uint64(set)), 0, 8) }

// ready tells the test that everything is arranged, by a byte 0.
func (p *program) ready() { p.call(unix.SYS_WRITE, 1, p.words(0), 1) }

func (p *program) pause() {
	p.ready()
	p.sleep()
}

func (p *program) sleep() { p.loop(func() { p.call(unix.SYS_PAUSE) }) }

// wait takes signals by sigtimedwait.
func (p *program) wait(set Set) {
	p.ready()
	p.call(unix.SYS_RT_SIGTIMEDWAIT, p.words(uint64(set)), 0, 0, 8)
	p.raw(0x89, 0xc7) // mov edi, eax
	p.exitWith(byWait)
}

// readFd takes signals by a signalfd.
func (p *program) readFd(set Set) {
	p.call(unix.SYS_SIGNALFD4, ^uint64(0), p.words(uint64(set)), 8, 0)
	p.raw(0x48, 0x89, 0xc3) // mov rbx, rax
	p.ready()
	info := p.words(make([]uint64, 16)...)
	p.raw(0x48, 0x89, 0xdf, 0x48, 0xbe) // mov rdi, rbx; mov rsi, info
	p.code = binary.LittleEndian.AppendUint64(p.code, info)
	p.raw(0xba, 128, 0, 0, 0, 0x31, 0xc0, 0x0f, 0x05) // mov edx, 128; xor eax, eax; syscall
	p.raw(0x0f, 0xb6, 0x3c, 0x25)                     // movzx edi, byte [info]
	p.code = binary.LittleEndian.AppendUint32(p.code, uint32(info))
	p.exitWith(bySignalfd)
}

// thread starts a second thread that unblocks a set, and pauses in both.
func (p *program) thread(set Set) {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	p.call(unix.SYS_CLONE, flags, dataAt+dataSize)
	p.child(func() {
		p.unblock(set)
		p.pause()
	})
	p.sleep()
}

// write makes the executable.
func (p *program) write(t *testing.T) string {
	t.Helper()
	le := binary.LittleEndian
	head := make([]byte, 0x78)
	copy(head, "\x7fELF\x02\x01\x01")
	for at, v := range map[int]uint16{16: 2, 18: 62, 52: 64, 54: 56, 56: 1} {
		le.PutUint16(head[at:], v)
	}
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[24:], codeAt)
	le.PutUint64(head[32:], 64)
	for at, v := range map[int]uint32{64: 1, 68: 7} {
		le.PutUint32(head[at:], v)
	}
	size := uint64(dataAt + dataSize - 0x400000)
	for at, v := range map[int]uint64{72: 0, 80: 0x400000, 88: 0x400000, 96: size, 104: size, 112: 0x1000} {
		le.PutUint64(head[at:], v)
	}
	image := make([]byte, size)
	copy(image, append(head, p.code...))
	copy(image[dataAt-0x400000:], p.data)
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, image, 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}
