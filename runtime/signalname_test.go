package runtime

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseSignalTakesNumbersAndNames(t *testing.T) {
	for text, want := range map[string]unix.Signal{
		"0": 0, "1": 1, "9": 9, "15": 15, "64": 64,
		"TERM": 15, "SIGTERM": 15, "sigterm": 15, "Term": 15, "KILL": 9, "HUP": 1, "CHLD": 17, "SYS": 31,
		"CLD": 17, "SIGIOT": 6, "POLL": 29, "IO": 29, "STKFLT": 16, "WINCH": 28,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmin+30": 64, "RTMAX": 64, "SIGRTMAX-2": 62, "RTMAX-30": 34,
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseSignalRefusesWhatKillWould(t *testing.T) {
	for _, text := range []string{
		"", "SIG", "FOO", "SIGFOO", "-1", "65", "1.5", "9 ", "SIGSIGTERM",
		"RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMAX-31", "RTMIN3", "RTMIN+", "RTMIN+x", "RTMIN++3",
	} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestSignalNameIsReadBack(t *testing.T) {
	for n := unix.Signal(1); n <= 64; n++ {
		name := SignalName(n)
		if got, err := ParseSignal(name); err != nil || got != n {
			t.Errorf("%d: %s is read back as %d, %v", n, name, got, err)
		}
	}
	for n, want := range map[unix.Signal]string{15: "SIGTERM", 34: "SIGRTMIN", 37: "SIGRTMIN+3", 64: "SIGRTMAX", 32: "32"} {
		if got := SignalName(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
