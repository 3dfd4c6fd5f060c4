package signals

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// The real-time signals by the C library's count: the kernel's first two,
// 32 and 33, are taken by its threads (nptl(7)).
const (
	rtMin = 34
	rtMax = Last
)

// names are the standard signals in the order of their numbers on amd64 and
// arm64, and what else signal(7) calls some of them.
var names = [...]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE",
	9: "KILL", 10: "USR1", 11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT",
	17: "CHLD", 18: "CONT", 19: "STOP", 20: "TSTP", 21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU",
	25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR", 31: "SYS",
}

// Name is a signal's name: SIGTERM, SIGRTMIN+3. The two real-time signals
// below SIGRTMIN are SIG32 and SIG33, and a number that is no signal is "signal N".
func Name(sig int) string {
	switch {
	case 0 < sig && sig < len(names):
		return "SIG" + names[sig]
	case sig == 32 || sig == 33:
		return "SIG" + strconv.Itoa(sig)
	case sig == rtMin:
		return "SIGRTMIN"
	case sig == rtMax:
		return "SIGRTMAX"
	case rtMin < sig && sig < rtMax:
		return "SIGRTMIN+" + strconv.Itoa(sig-rtMin)
	}
	return "signal " + strconv.Itoa(sig)
}

// Parse reads a signal as runc's kill does: a number, or a name in any case
// with or without SIG; besides, RTMIN+n and RTMAX-n. 0 is a signal here, the
// one that kill(2) only checks with. The error wraps syscall.EINVAL.
func Parse(s string) (int, error) {
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n, ok := number(name); ok && n <= Last {
		return n, nil
	}
	if n, ok := realTime(name); ok {
		return n, nil
	}
	for n, known := range names {
		if name == known && name != "" {
			return n, nil
		}
	}
	if n := alias(name); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("signal %q: not a name or a number of 0 to %d: %w", s, Last, syscall.EINVAL)
}

// alias is the other names that signal(7) and the C library give to signals.
func alias(name string) int {
	switch name {
	case "IOT":
		return int(syscall.SIGABRT)
	case "CLD":
		return int(syscall.SIGCHLD)
	case "POLL":
		return int(syscall.SIGIO)
	case "UNUSED":
		return int(syscall.SIGSYS)
	}
	return 0
}

// realTime reads RTMIN, RTMIN+n, RTMAX and RTMAX-n.
func realTime(name string) (int, bool) {
	base, sign := rtMin, 1
	rest, ok := strings.CutPrefix(name, "RTMIN")
	if !ok {
		base, sign = rtMax, -1
		if rest, ok = strings.CutPrefix(name, "RTMAX"); !ok {
			return 0, false
		}
	}
	if rest == "" {
		return base, true
	}
	n, ok := number(rest[1:])
	if !ok || rest[0] != "-+"[(sign+1)/2] || n > rtMax-rtMin {
		return 0, false
	}
	return base + sign*n, true
}

// number reads decimal digits, and nothing else that strconv would take.
func number(s string) (int, bool) {
	if s == "" || len(s) > 3 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
