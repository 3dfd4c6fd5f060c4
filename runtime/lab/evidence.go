package lab

import (
	"strings"

	"minirun/runtime/observe"
)

// mostEvidence is how many lines of a timeline an experiment shows.
const mostEvidence = 8

// An Evidence is what the kernel said of the first container of an experiment.
type Evidence struct {
	Source string   // bpf, tracefs, or proc, whose verdicts are predicted
	Lines  []string // of the timeline: who sent which signal to whom and what came of it, and who ended how
}

// evidenceOf picks the lines that answer questions about signals and ends:
// all that do, or the first and the last ones.
func evidenceOf(t *observe.Timeline) *Evidence {
	e := &Evidence{Source: t.Origin.String()}
	var lines []string
	for _, entry := range t.Entries {
		if tells(entry) {
			lines = append(lines, evidenceLine(t, entry))
		}
	}
	if more := len(lines) - mostEvidence; more > 0 {
		const half = mostEvidence / 2
		lines = append(append(lines[:half:half], "…"), lines[len(lines)-half:]...)
	}
	e.Lines = lines
	return e
}

func tells(e *observe.Entry) bool {
	switch e.Kind {
	case observe.Generate:
		return !e.Folded && e.Way != observe.ByChild
	case observe.Exit, observe.OOM, observe.Lost, observe.Ended:
		return !e.Folded
	}
	return false
}

func evidenceLine(t *observe.Timeline, e *observe.Entry) string {
	l := e.Line()
	text := observe.Millis(e.Time-t.Start()) + "  " + l.Who
	if l.Arrow != "" {
		text += " ──" + strings.TrimPrefix(l.Arrow, "SIG") + "→ " + l.Whom
	}
	return text + "  " + l.What
}
