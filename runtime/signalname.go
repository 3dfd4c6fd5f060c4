package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Real-time signals have the numbers that users know from kill -l: glibc
// keeps the kernel's first two, 32 and 33, for its threads.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// ParseSignal reads a signal as kill(1) does: "15", "TERM", "SIGTERM", in any
// case, and "RTMIN+3" or "RTMAX-2". Zero sends nothing and asks whether a
// signal could be sent (kill(2)).
func ParseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > sigRTMax {
			return 0, fmt.Errorf("unknown signal %q: want 0 to %d", text, sigRTMax)
		}
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if sig, ok := realTime(name); ok {
		return sig, nil
	}
	for n := unix.Signal(1); n < 32; n++ {
		if unix.SignalName(n) == "SIG"+name {
			return n, nil
		}
	}
	switch name { // second names: signal(7)
	case "CLD":
		return unix.SIGCHLD, nil
	case "IOT":
		return unix.SIGABRT, nil
	case "POLL":
		return unix.SIGIO, nil
	}
	return 0, fmt.Errorf("unknown signal %q", text)
}

func realTime(name string) (unix.Signal, bool) {
	base, rest := sigRTMin, strings.TrimPrefix(name, "RTMIN")
	if rest == name {
		base, rest = sigRTMax, strings.TrimPrefix(name, "RTMAX")
	}
	if rest == name {
		return 0, false
	}
	offset := 0
	if rest != "" {
		n, err := strconv.Atoi(rest)
		if err != nil || rest[0] != '+' && rest[0] != '-' {
			return 0, false
		}
		offset = n
	}
	sig := base + offset
	return unix.Signal(sig), sig >= sigRTMin && sig <= sigRTMax
}

// SignalName is the name of a signal with its SIG, or its number.
func SignalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	switch n := int(sig); {
	case n == sigRTMin:
		return "SIGRTMIN"
	case n == sigRTMax:
		return "SIGRTMAX"
	case n > sigRTMin && n < sigRTMax:
		return fmt.Sprintf("SIGRTMIN+%d", n-sigRTMin)
	}
	return strconv.Itoa(int(sig))
}
