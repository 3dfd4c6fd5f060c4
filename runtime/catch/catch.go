package catch

import "golang.org/x/sys/unix"

// caught reports whether All catches a signal: as runc, every one that can be
// caught but SIGCHLD, which is about children and not from anybody, and
// SIGURG, the Go runtime's own. 32 to 34 are a C library's, never the user's.
func caught(sig unix.Signal) bool {
	switch sig {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, 32, 33, 34:
		return false
	}
	return sig >= 1 && sig <= 64
}

// fault reports whether a signal can come of an instruction of this process.
// Then it is the Go runtime's, which makes a panic of it; from kill(2), which
// si_code tells, it is like any other (siginfo.h, SI_FROMUSER).
func fault(sig unix.Signal) bool {
	switch sig {
	case unix.SIGILL, unix.SIGTRAP, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGSYS:
		return true
	}
	return false
}
