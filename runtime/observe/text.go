package observe

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes a timeline that a person reads without a manual.
func (t *Timeline) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	p := textPrinter{b, t, t.width()}
	b.WriteString(t.Title() + "\n")
	for _, line := range t.Skipped {
		b.WriteString(Clean(line) + "\n")
	}
	b.WriteString("\n")
	for i := range t.Entries {
		if !t.Entries[i].Folded {
			p.entry(i)
		}
	}
	b.WriteString("\n")
	for _, line := range t.Summary() {
		b.WriteString(line + "\n")
	}
	return b.Flush()
}

// Title says what the timeline is of and how it is known.
func (t *Timeline) Title() string {
	s := "container " + Clean(t.ID)
	if t.First != None {
		p := &t.Processes[t.First]
		s += ": PID 1 is " + Clean(p.Name()) + ", " + strconv.Itoa(int(p.Tgid)) + " on the host"
	}
	s += "; source " + t.Origin.String()
	if t.Origin == Proc {
		return s + ", verdicts are predicted"
	}
	return s + ", every verdict is the kernel's"
}

type textPrinter struct {
	*bufio.Writer
	t     *Timeline
	width int
}

// width of the column of those who act; one long name does not push the rest away.
func (t *Timeline) width() int {
	width := len("minirun")
	for i := range t.Processes {
		if n := len(t.Processes[i].label("")); n <= 26 {
			width = max(width, n)
		}
	}
	return width
}

func (p *textPrinter) entry(i int) {
	e, l := &p.t.Entries[i], p.t.Line(i)
	at := Millis(e.Time - p.t.Start())
	if e.Kind == Rung {
		s := pad(at, 14, true) + "  ── " + l.What + " "
		p.WriteString(s + strings.Repeat("─", max(80-utf8.RuneCountInString(s), 3)) + "\n")
		return
	}
	p.WriteString(pad(at, 14, true) + "  " + pad(l.Who, p.width, false))
	if l.Arrow != "" {
		p.WriteString("  ──" + strings.TrimPrefix(l.Arrow, "SIG") + "→ " + l.Whom + "  ")
	} else {
		p.WriteString("  ")
	}
	p.WriteString(l.What + "\n")
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
