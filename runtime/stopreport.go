package runtime

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// StopAnnotation of config.json names a file for a timeline of the container's
// end where an engine ends it: it calls kill twice, with a grace of its own in
// between, and never stop. The observer begins with the first signal that asks
// the container to end. The path is as that of ObserveAnnotation.
const StopAnnotation = "minirun.stop"

// An asking is the last signal by which a caller has asked a container to end.
type asking struct {
	Signal int
	At     time.Duration // by CLOCK_BOOTTIME
	Answer string        // the reason of the verdict on it
	InVain bool          // nothing was to come of it
}

func (a asking) encode() []byte {
	w := jsonWriter{}
	w.open('{')
	w.intField("signal", a.Signal)
	w.uintField("at", uint64(a.At))
	w.strField("answer", a.Answer)
	w.boolField("inVain", a.InVain)
	w.close('}')
	return w.buf
}

func decodeAsking(text []byte) (asking, error) {
	f, err := decodeFields(text)
	if err != nil {
		return asking{}, err
	}
	return asking{f.int("signal"), time.Duration(f.uint("at")), f.str("answer"), f.bool("inVain")}, f.err
}

// asksToEnd tells whether a signal is one by which a container is stopped.
func asksToEnd(sig unix.Signal, annotations map[string]string) bool {
	own, _ := stopSignal(0, annotations)
	return sig == unix.SIGKILL || int(sig) == own || ends(int(sig))
}

// words are those of the rung of the timeline that begins with the signal.
// before is what the container was asked before, if it was.
func (a asking) words(before asking) string {
	name := signals.Name(a.Signal)
	if a.Signal != int(unix.SIGKILL) {
		text := name + ": predicted " + a.Answer
		if a.InVain {
			text += "; the caller's grace is in vain"
		}
		return text
	}
	switch after := (a.At - before.At).Round(time.Millisecond); {
	case before.Signal == 0:
		return name + ", and nothing before it"
	case before.Signal == a.Signal:
		return fmt.Sprintf("%s again, %v after the first", name, after)
	case before.InVain:
		return fmt.Sprintf("%s, %v after %s, which was %s", name, after, signals.Name(before.Signal), before.Answer)
	default:
		return fmt.Sprintf("%s: still there %v after %s", name, after, signals.Name(before.Signal))
	}
}

// reportFile is the file that an annotation names: {id} in it is the
// container's, and a relative path counts from the bundle.
func reportFile(annotation, id, bundle string) string {
	file := strings.ReplaceAll(annotation, "{id}", id)
	if file == "" || file[0] == '/' {
		return file
	}
	return bundle + "/" + file
}
