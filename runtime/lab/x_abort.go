package lab

import (
	goruntime "runtime"

	"golang.org/x/sys/unix"
)

// aborters call abort(3) of the C library.
var aborters = [...][]string{
	{"python3", "-c", "import os; os.abort()"},
	{"perl", "-e", "use POSIX; POSIX::abort()"},
}

// abort: what the C library does when its own SIGABRT does not work.
func abort(b *Bench) {
	sh := lookPath("sh")
	if sh == "" {
		sh = lookPath("dash")
	}
	for _, command := range aborters {
		path := lookPath(command[0])
		if path == "" {
			continue
		}
		args := append([]string{path}, command[1:]...)
		x := b.box(userland(args...))
		b.row(command[0]+" as PID 1", killedBy(int(lastResort())), x.fate(patience),
			"raise(SIGABRT) is ignored, and the instruction after it faults")
		if sh != "" {
			script := append([]string{sh, "-c", `"$@"; exit $?`, "sh"}, args...)
			y := b.box(userland(script...))
			b.row("a shell as PID 1, and "+command[0]+" as its child", exited(128+int(unix.SIGABRT)), y.fate(patience))
		}
		return
	}
	b.skip("this host has neither python3 nor perl")
}

// lastResort is the signal of glibc's ABORT_INSTRUCTION: hlt, which user mode
// must not execute, and brk on arm64.
func lastResort() unix.Signal {
	if goruntime.GOARCH == "arm64" {
		return unix.SIGTRAP
	}
	return unix.SIGSEGV
}
