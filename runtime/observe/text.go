package observe

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes a timeline that a person reads without a manual.
func (t *Timeline) WriteText(w io.Writer) error { return t.Write(w, Text) }

// A textSink writes lines. The column of those who act is as wide as it had to be until then.
type textSink struct {
	*bufio.Writer
	begun bool
	width int
	known int // processes that width has been measured by
}

func (s *textSink) begin(t *Timeline) {
	if s.begun {
		return
	}
	s.begun = true
	s.WriteString(t.Title() + "\n")
	for _, line := range t.Skipped {
		s.WriteString(Clean(line) + "\n")
	}
	s.WriteString("\n")
}

// widen makes room; one long name does not push the rest away.
func (s *textSink) widen(t *Timeline) {
	s.width = max(s.width, len("minirun"))
	for s.known = min(s.known, len(t.Processes)); s.known < len(t.Processes); s.known++ {
		if n := len(t.Processes[s.known].label("")); n <= 26 {
			s.width = max(s.width, n)
		}
	}
}

func (s *textSink) entry(t *Timeline, e *Entry) {
	if e.Folded {
		return
	}
	s.begin(t)
	s.widen(t)
	l, at := e.Line(), Millis(e.Time-t.Start())
	if e.Kind == Rung {
		text := pad(at, 14, true) + "  ── " + l.What + " "
		s.WriteString(text + strings.Repeat("─", max(80-utf8.RuneCountInString(text), 3)) + "\n")
		return
	}
	s.WriteString(pad(at, 14, true) + "  " + pad(l.Who, s.width, false))
	if l.Arrow != "" {
		s.WriteString("  ──" + strings.TrimPrefix(l.Arrow, "SIG") + "→ " + l.Whom + "  ")
	} else {
		s.WriteString("  ")
	}
	s.WriteString(l.What + "\n")
}

func (s *textSink) gone(*Timeline, *Process) {}

func (s *textSink) end(t *Timeline) error {
	s.begin(t)
	s.WriteString("\n")
	for _, line := range t.Summary() {
		s.WriteString(line + "\n")
	}
	return s.Flush()
}

// Title says what the timeline is of and how it is known.
func (t *Timeline) Title() string {
	s := "container " + Clean(t.ID)
	switch p := t.First; {
	case p != nil && p.Name() != "":
		s += ": PID 1 is " + Clean(p.Name()) + ", " + strconv.Itoa(int(p.Tgid)) + " on the host"
	case t.Init != 0:
		s += ": PID 1 is " + strconv.Itoa(int(t.Init)) + " on the host"
	}
	s += "; source " + t.Origin.String()
	if t.Origin == Proc {
		return s + ", verdicts are predicted"
	}
	return s + ", every verdict is the kernel's"
}

// pad fills with blanks to a width in characters.
func pad(s string, width int, right bool) string {
	blanks := strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
	if right {
		return blanks + s
	}
	return s + blanks
}

// Millis is a time in milliseconds, to the microsecond: +2792.774 ms.
func Millis(ns int64) string {
	sign := "+"
	if ns < 0 {
		sign, ns = "-", -ns
	}
	us := strconv.Itoa(int(ns / 1000 % 1000))
	return sign + strconv.Itoa(int(ns/1_000_000)) + "." + "000"[len(us):] + us + " ms"
}
