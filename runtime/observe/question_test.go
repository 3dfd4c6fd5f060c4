package observe

import (
	"testing"

	"minirun/runtime/signals"
)

// What a source could not see is taken for the plainest thing that explains
// the kernel's result.
func TestTheVerdictAgreesWithTheKernel(t *testing.T) {
	for _, c := range []struct {
		q      signals.Question
		result int
		want   string
	}{
		{signals.Question{Signal: 15, Init: true}, Ignored, "ignored: PID 1 has no handler for SIGTERM"},
		{signals.Question{Signal: 15, Init: true}, 0, "handler: PID 1 has a handler for SIGTERM; if that resets it and raises it again, nothing happens"},
		{signals.Question{Signal: 9, Init: true}, 0, "fatal: SIGKILL from outside ends PID 1 and all of its PID namespace"},
		{signals.Question{Signal: 9, Init: true}, Ignored, "ignored: PID 1 takes SIGKILL only from outside its PID namespace; so its sender was inside"},
		{signals.Question{Signal: 9}, Ignored, "ignored: the rule would have queued it; the target may have begun to die"},
	} {
		if got := agree(c.q, c.result).reason; got != c.want {
			t.Errorf("signal %d, result %d: %q, not %q", c.q.Signal, c.result, got, c.want)
		}
	}
}
