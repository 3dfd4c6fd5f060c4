package signals

import "fmt"

// A Question is one signal on its way to one process: everything that the
// kernel looks at before it decides. The zero values are the plain case: a
// process with the default disposition, signalled by kill(2) from outside.
type Question struct {
	Signal      int         // 1..Last
	How         How         // by whom and with what the signal is raised
	Inside      bool        // the sender has a pid in the target's PID namespace
	Disposition Disposition // of the signal, in the target

	Blocked    bool // the target thread masks it; for a signal to the process, the main thread
	OpenThread bool // Blocked, and another thread does not mask it
	Waiting    bool // masked, and a thread is in sigtimedwait(2) for it: the kernel's real_blocked
	Signalfd   bool // masked, and a signalfd(2) of the process accepts it

	Init     bool // first process of its PID namespace: SIGNAL_UNKILLABLE
	Traced   bool // under ptrace(2)
	Dying    bool // a group exit has begun, or nothing but a zombie is left
	Dumping  bool // Dying, and a core is being written: SIGKILL still cuts it short
	Stopped  bool // in a group stop
	Orphaned bool // in an orphaned process group: terminal stop signals do nothing
}

// How is the way a signal is raised; it decides what siginfo the kernel
// makes, and with it who counts as the sender (send_signal_locked).
type How uint8

// The ways, with the kernel's name of the siginfo.
const (
	Kill     How = iota // kill, tgkill, a process group, pdeathsig, SIGPIPE, cgroup.kill: SEND_SIG_NOINFO
	Sigqueue            // sigqueue(3), pidfd_send_signal(2) with siginfo: the sender's ids are in it
	Kernel              // terminal, itimer, RLIMIT_CPU, out of memory, end of the namespace: SEND_SIG_PRIV
	Timer               // POSIX timer
	IO                  // fcntl(2) F_SETSIG
	Fault               // the task's own instruction, or seccomp's RET_TRAP
)

var hows = [...]string{"kill", "sigqueue", "kernel", "timer", "io", "fault"}

// String is the word of the command line.
func (h How) String() string { return word(hows[:], int(h)) }

// ParseHow is the inverse of String.
func ParseHow(s string) (How, error) {
	i, err := index("how", hows[:], s)
	return How(i), err
}

// Disposition is what a process has arranged for a signal with sigaction(2).
type Disposition uint8

// The dispositions.
const (
	Default Disposition = iota // SIG_DFL
	Ignore                     // SIG_IGN
	Catch                      // a handler
)

var dispositions = [...]string{"dfl", "ign", "handler"}

// String is the word of the command line.
func (d Disposition) String() string { return word(dispositions[:], int(d)) }

// ParseDisposition is the inverse of String.
func ParseDisposition(s string) (Disposition, error) {
	i, err := index("disposition", dispositions[:], s)
	return Disposition(i), err
}

// word is the name of value i, or its number when it has none.
func word(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return fmt.Sprint(i)
}

// index finds a word and otherwise says which there are.
func index(what string, words []string, s string) (int, error) {
	for i, w := range words {
		if w == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q: not one of %q", what, s, words)
}
