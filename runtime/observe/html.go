package observe

import (
	_ "embed" // the style sheet
	"io"
	"math/bits"
	"strconv"
	"strings"
)

//go:embed html.css
var style string

// WriteHTML writes one file that a browser shows without a network and without
// a script: the picture of the timeline, the processes and the summary. Nothing
// that was observed can be taken for markup, and the page forbids itself to load or run anything.
func (t *Timeline) WriteHTML(w io.Writer) error { return t.Write(w, HTML) }

// An htmlSink keeps as many lines as the picture can show, for it is drawn when all is known.
type htmlSink struct {
	to   io.Writer
	rows []*Entry
	left int // lines that found no place
}

func (h *htmlSink) entry(_ *Timeline, e *Entry) {
	switch {
	case e.Folded:
	case len(h.rows) == mostRows:
		h.left++
	default:
		h.rows = append(h.rows, e)
	}
}

func (h *htmlSink) gone(*Timeline, *Process) {}

// Flush has nothing to write before the end.
func (h *htmlSink) Flush() error { return nil }

func (h *htmlSink) end(t *Timeline) error {
	s := &svg{}
	s.add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
		`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`, "\n",
		`<meta name="viewport" content="width=device-width">`, "\n<title>", escape(Clean(t.ID)), " - minirun observe</title>\n<style>\n", style, "</style>\n</head>\n<body>\n<main>\n")
	s.header(t)
	s.phases(t)
	s.add(`<div class="card">`)
	s.picture(t.draw(h.rows))
	s.add("</div>\n")
	if h.left > 0 {
		s.add(`<p>`, h.left, " lines more than this picture holds: --format json has them all.</p>\n")
	}
	s.table(t)
	s.closing(t)
	s.add("</main>\n</body>\n</html>\n")
	_, err := h.to.Write(s.buf)
	return err
}

// header has the end of the container in one number, and its reason.
func (s *svg) header(t *Timeline) {
	s.add("<header><div><h1>", escape(Clean(t.ID)), "</h1><p>", escape(t.subtitle()), "</p></div>")
	if t.First != nil && !t.First.Alive() {
		p := t.First
		mood, number := Leaving, "exit code "+p.Number()
		if p.Cause.Signal != 0 {
			mood, number = Deadly, p.Number()
		}
		s.add(`<div class="verdict `, moods[mood], `"><b>`, p.short(), `</b><span>`, escape(number), `<br/>`, escape(p.Cause.Words), "</span></div>")
	}
	s.add("</header>\n")
}

// subtitle is the title without the name.
func (t *Timeline) subtitle() string {
	_, rest, ok := strings.Cut(t.Title(), ": ")
	if !ok {
		return t.Title()
	}
	return rest
}

// phases are a bar, the longer the wider, but not by as much.
func (s *svg) phases(t *Timeline) {
	if len(t.Phases) == 0 {
		return
	}
	s.add(`<ul class="phases" aria-label="phases of the end">`)
	for _, p := range t.Phases {
		class := ""
		if p.From < t.First.End {
			class = "deadly"
		}
		s.add(`<li class="`, class, `" style="flex-grow:`, 3+bits.Len64(uint64(p.Took()/50_000)), `"><b>`, span(p.Took()), "</b>", escape(p.Name), "</li>")
	}
	s.add("</ul>\n")
}

// table has every process of the container, with its numbers on both sides.
func (s *svg) table(t *Timeline) {
	s.add("<h2>Processes</h2>\n<div class=\"card\"><table><thead><tr>")
	for _, name := range []string{"inside", "on the host", "names", "parent", "began", "ended", "exit", "why"} {
		s.add("<th scope=\"col\">", name, "</th>")
	}
	s.add("</tr></thead><tbody>\n")
	left := t.dropped.inside
	for n, p := range t.Processes {
		if p.Inside <= 0 {
			continue
		}
		if n >= mostRows {
			left++
			continue
		}
		pid, _, _ := strings.Cut(p.label(""), " ")
		began, ended, exit := "before", "", ""
		if p.Begin != 0 {
			began = Millis(p.Begin - t.Start())
		}
		if p.End != 0 {
			ended, exit = Millis(p.End-t.Start()), p.short()
		}
		s.add("<tr>")
		for _, cell := range []string{pid, strconv.Itoa(int(p.Tgid)), p.names(), motherOf(p), began, ended, exit, p.Cause.Words} {
			s.add("<td>", escape(cell), "</td>")
		}
		s.add("</tr>\n")
	}
	s.add("</tbody></table></div>\n")
	if left > 0 {
		s.add(`<p>`, left, " processes more than this table holds.</p>\n")
	}
}

// motherOf is who forked a process and, if that has ended before it, who has it since.
func motherOf(p *Process) string {
	switch {
	case p.Mother == nil:
		return ""
	case p.Adopter != nil:
		return label(p.Mother) + ", then " + label(p.Adopter)
	}
	return label(p.Mother)
}

// closing is what the summary says beyond the header, the phases and the table.
func (s *svg) closing(t *Timeline) {
	lines := append(t.tolls(), t.leftovers()...)
	if held := t.heldWords(); held != "" {
		lines = append(lines, held)
	}
	lines = append(lines, t.Skipped...)
	s.add("<h2>Summary</h2>\n<ul class=\"summary\">")
	for _, line := range lines {
		s.add("<li>", escape(Clean(line)), "</li>")
	}
	s.add("<li>lost: ", escape(t.lostWords()), "</li></ul>\n")
}
