package signals

import "syscall"

// Last is the highest signal number of Linux, _NSIG (include/uapi/asm-generic/signal.h).
const Last = 64

// A Set is a signal set as /proc prints it and the kernel keeps it: bit n-1 is signal n.
type Set uint64

// SetOf makes a set of signals; numbers outside 1..Last are left out.
func SetOf(signals ...int) Set {
	var s Set
	for _, sig := range signals {
		if 1 <= sig && sig <= Last {
			s |= 1 << (sig - 1)
		}
	}
	return s
}

// Has reports whether the set holds a signal.
func (s Set) Has(sig int) bool { return s&SetOf(sig) != 0 }

// The four classes of include/linux/signal.h. A signal in none of them has
// the default action to end the process without a core.
const (
	// kernelOnly is SIG_KERNEL_ONLY_MASK: never caught, ignored or blocked.
	kernelOnly = 1<<(syscall.SIGKILL-1) | 1<<(syscall.SIGSTOP-1)
	// stopping is SIG_KERNEL_STOP_MASK: the default action is to stop.
	stopping = 1<<(syscall.SIGSTOP-1) | 1<<(syscall.SIGTSTP-1) | 1<<(syscall.SIGTTIN-1) | 1<<(syscall.SIGTTOU-1)
	// harmless is SIG_KERNEL_IGNORE_MASK: the default action is nothing.
	harmless = 1<<(syscall.SIGCONT-1) | 1<<(syscall.SIGCHLD-1) | 1<<(syscall.SIGWINCH-1) | 1<<(syscall.SIGURG-1)
	// dumping is SIG_KERNEL_COREDUMP_MASK: the default action is to end with a core.
	dumping = 1<<(syscall.SIGQUIT-1) | 1<<(syscall.SIGILL-1) | 1<<(syscall.SIGTRAP-1) | 1<<(syscall.SIGABRT-1) |
		1<<(syscall.SIGFPE-1) | 1<<(syscall.SIGSEGV-1) | 1<<(syscall.SIGBUS-1) | 1<<(syscall.SIGSYS-1) |
		1<<(syscall.SIGXCPU-1) | 1<<(syscall.SIGXFSZ-1)
	// faulting is SYNCHRONOUS_MASK of kernel/signal.c: what an instruction, or
	// a system call that seccomp traps, raises in the task that ran it.
	faulting = 1<<(syscall.SIGSEGV-1) | 1<<(syscall.SIGBUS-1) | 1<<(syscall.SIGILL-1) |
		1<<(syscall.SIGTRAP-1) | 1<<(syscall.SIGFPE-1) | 1<<(syscall.SIGSYS-1)
)

const sigkill = int(syscall.SIGKILL)
