package signals

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseReadsNumbersAndNames(t *testing.T) {
	for s, want := range map[string]int{
		"0": 0, "9": 9, "15": 15, "64": 64, "TERM": 15, "SIGTERM": 15, "sigterm": 15, "Term": 15, "KILL": 9, "usr1": 10,
		"IOT": 6, "CLD": 17, "POLL": 29, "IO": 29, "STKFLT": 16, "SYS": 31, "SIG32": 32, "SIG33": 33,
		"RTMIN": 34, "RTMIN+3": 37, "SIGRTMIN+3": 37, "rtmin+30": 64, "RTMAX": 64, "SIGRTMAX-14": 50, "RTMAX-30": 34,
	} {
		if got, err := Parse(s); got != want || err != nil {
			t.Errorf("Parse(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
}

func TestParseRefusesWhatIsNoSignal(t *testing.T) {
	for _, s := range []string{
		"", "SIG", "65", "-1", "+9", "1.5", "0x9", " TERM", "TERM ", "TERMINATE", "SIGSIGTERM",
		"RTMIN-1", "RTMIN+31", "RTMIN+", "RTMIN3", "RTMAX+1", "RTMAX-31", "RTMAX--1", "RTMIN+0001", "99999999999999999999",
	} {
		if got, err := Parse(s); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Parse(%q) = %d, %v, want EINVAL", s, got, err)
		}
	}
}

func TestNameIsWhatParseReads(t *testing.T) {
	for sig := 1; sig <= Last; sig++ {
		if got, err := Parse(Name(sig)); got != sig || err != nil {
			t.Errorf("Parse(Name(%d)) = %d, %v", sig, got, err)
		}
	}
}

// TestNameAgreesWithTheSystemsList also pins the numbers of this architecture.
func TestNameAgreesWithTheSystemsList(t *testing.T) {
	for sig := 1; sig < 32; sig++ {
		if want := unix.SignalName(unix.Signal(sig)); Name(sig) != want {
			t.Errorf("Name(%d) = %s, want %s", sig, Name(sig), want)
		}
	}
	for sig, want := range map[int]string{32: "SIG32", 33: "SIG33", 34: "SIGRTMIN", 37: "SIGRTMIN+3", 63: "SIGRTMIN+29", 64: "SIGRTMAX", 0: "signal 0", 65: "signal 65", -1: "signal -1"} {
		if Name(sig) != want {
			t.Errorf("Name(%d) = %s, want %s", sig, Name(sig), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"TERM", "sigrtmin+3", "RTMAX-1", "15", "SIG32", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sig, err := Parse(s)
		if err != nil {
			return
		}
		if sig < 0 || sig > Last {
			t.Fatalf("Parse(%q) = %d", s, sig)
		}
		if again, err := Parse(strings.ToLower(s)); again != sig || err != nil {
			t.Fatalf("Parse(%q) = %d, in lower case %d, %v", s, sig, again, err)
		}
	})
}
