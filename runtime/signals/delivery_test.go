package signals

import (
	"syscall"
	"testing"
)

// A blocked signal is queued even if it would be ignored, and what becomes of
// it shows when it is unblocked: as Verdict foretells with AfterUnblock.
func TestDeliveryIsWhatVerdictForetellsOfABlockedSignal(t *testing.T) {
	for sig := 1; sig <= Last; sig++ {
		for _, d := range []Disposition{Default, Ignore, Catch} {
			for _, init := range []bool{false, true} {
				q := Question{Signal: sig, Disposition: d, Init: init, Blocked: true}
				if q.normal().Blocked {
					if got, want := Delivery(q).Action, Verdict(q).AfterUnblock; got != want {
						t.Errorf("%s %v init %v: %v, want %v", Name(sig), d, init, got, want)
					}
				}
			}
		}
	}
}

func TestDeliverySaysWhyNothingComesOfASignal(t *testing.T) {
	a := Delivery(Question{Signal: int(syscall.SIGTERM), Init: true, Inside: true})
	if want := "dropped: PID 1 has no handler for SIGTERM"; a.Reason != want {
		t.Errorf("%q, want %q", a.Reason, want)
	}
}
