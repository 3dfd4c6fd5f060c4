package catch

import (
	"errors"
	"fmt"
	"os/signal"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the handlers read.
var (
	//lint:ignore U1000 the assembler's files do
	into int32 // write end of the pipe
	//lint:ignore U1000 the assembler's files do
	next uintptr // the Go runtime's handler, for faults
)

// sigaction is the kernel's struct sigaction of the 64-bit architectures.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	saSiginfo  = 0x4
	saRestorer = 0x04000000
	saOnstack  = 0x08000000
	saRestart  = 0x10000000
)

// handlers are the addresses of the code in the assembler's files.
func handlers() (write, writeUnlessFault, restorer uintptr)

// All catches all signals that a process can pass on, for its whole life, and
// returns the read end of a non-blocking pipe that has a byte, its number, for
// each that has come. When 65,536 are unread, further ones are lost. The
// errors are those of pipe2(2).
var All = sync.OnceValues(func() (int, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, fmt.Errorf("pipe for signals: %w", err)
	}
	into = int32(pipe[1])
	// A write to a broken pipe is an error for whoever writes, on standard
	// output too; the runtime would end the process unless it is told so.
	signal.Ignore(unix.SIGPIPE)
	var errs []error
	for sig := unix.Signal(1); sig <= 64; sig++ {
		if caught(sig) {
			errs = append(errs, catch(sig))
		}
	}
	errs = append(errs, unblock())
	return pipe[0], errors.Join(errs...)
})

// unblock sees to it that a signal that this process has inherited as blocked
// reaches a thread. Every thread of the Go runtime keeps the inherited mask, but
// for what would end the process, so one is set apart that has none.
func unblock() error {
	var mask unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask); err != nil || mask == (unix.Sigset_t{}) {
		return err
	}
	opened := make(chan error)
	go func() {
		runtime.LockOSThread()
		opened <- unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
		select {}
	}()
	return <-opened
}

func catch(sig unix.Signal) error {
	write, writeUnlessFault, restorer := handlers()
	a := sigaction{handler: write, flags: saSiginfo | saRestorer | saOnstack | saRestart, restorer: restorer, mask: ^uint64(0)}
	if fault(sig) {
		var old sigaction
		if err := rtSigaction(sig, nil, &old); err != nil {
			return err
		}
		next, a.handler = old.handler, writeUnlessFault
	}
	return rtSigaction(sig, &a, nil)
}

func rtSigaction(sig unix.Signal, act, old *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if errno != 0 {
		return fmt.Errorf("rt_sigaction %s: %w", unix.SignalName(sig), errno)
	}
	return nil
}
