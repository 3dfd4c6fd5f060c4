package observe

import (
	"strconv"

	"minirun/runtime/signals"
)

// An svg is appended to by elements. Numbers are lengths in pixels.
type svg struct{ buf []byte }

// add appends parts: strings as they are, ints as numbers. What is not ours goes through escape first.
func (s *svg) add(parts ...any) {
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			s.buf = append(s.buf, v...)
		case int:
			s.buf = strconv.AppendInt(s.buf, int64(v), 10)
		}
	}
}

// escape makes a text that Clean has seen fit to stand in an element or an attribute.
func escape(text string) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '&':
			out = append(out, "&amp;"...)
		case '<':
			out = append(out, "&lt;"...)
		case '>':
			out = append(out, "&gt;"...)
		case '"':
			out = append(out, "&quot;"...)
		case '\'':
			out = append(out, "&#39;"...)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func (s *svg) line(class string, x1, y1, x2, y2 int) {
	s.add(`<line class="`, class, `" x1="`, x1, `" y1="`, y1, `" x2="`, x2, `" y2="`, y2, `"/>`)
}

func (s *svg) rect(class string, x, y, width, height, round int) {
	s.add(`<rect class="`, class, `" x="`, x, `" y="`, y, `" width="`, width, `" height="`, height, `" rx="`, round, `"/>`)
}

func (s *svg) text(class string, x, y int, text string) {
	s.add(`<text class="`, class, `" x="`, x, `" y="`, y, `">`, escape(text), `</text>`)
}

// picture appends the whole drawing.
func (s *svg) picture(p *picture) {
	s.add(`<svg xmlns="http://www.w3.org/2000/svg" width="`, p.width(), `" height="`, p.height, `" viewBox="0 0 `, p.width(), ` `, p.height, `" role="list" aria-label="what happened, in order">`)
	s.add(`<defs>`)
	for m := range moods {
		s.add(`<marker id="m-`, moods[m], `" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path class="tip `, moods[m], `" d="M0 0.5 10 5 0 9.5z"/></marker>`)
	}
	s.add("</defs>\n")
	s.grounds(p)
	for i := range p.columns {
		s.column(p, &p.columns[i])
	}
	for i := range p.rows {
		s.row(p, &p.rows[i])
	}
	s.add("</svg>\n")
}

// grounds is what lies behind: the container, and the breaks.
func (s *svg) grounds(p *picture) {
	first := 0
	for first < len(p.columns) && p.columns[first].apart {
		first++
	}
	if first < len(p.columns) {
		x := timeWidth + first*columnWidth
		s.rect("inside", x, 0, (len(p.columns)-first)*columnWidth, p.height, 10)
		s.text("caption", x+12, 16, "inside")
	}
	if first > 0 {
		s.text("caption", timeWidth+6, 16, "outside")
	}
	if p.kernel != none {
		x := p.columns[p.kernel].x
		s.head(x, "", "kernel", "head apart")
		s.line("life apart", x, headHeight-12, x, p.height-8)
	}
}

func (s *svg) head(x int, pid, name, class string) {
	s.rect(class, x-36, 26, 72, 40, 8)
	if pid == "" {
		s.text("pid", x, 51, name)
		return
	}
	s.text("pid", x, 43, pid)
	s.text("name", x, 59, clip(name, 10))
}

// clip shortens a name that is wider than its place.
func clip(name string, most int) string {
	if len(name) <= most {
		return name
	}
	return name[:most-1] + "…"
}

// column draws the lives in it: a bar while a process lives, dashes while it is a zombie.
func (s *svg) column(p *picture, c *column) {
	for i, l := range c.lives {
		class := "life"
		switch {
		case c.apart:
			class += " apart"
		case l.process == p.t.First:
			class += " first"
		}
		pid, name := p.head(l.process)
		from, to := p.top(l), p.rowY(l.to)
		if i == 0 {
			s.head(c.x, pid, name, "head"+class[len("life"):])
		} else {
			s.text("again", c.x+8, from-2, pid+" "+clip(name, 9))
		}
		if i == 0 && !l.born && !c.apart {
			from = headHeight - 16
		}
		if c.apart {
			from, to = headHeight-16, p.height-8
		}
		s.line(class, c.x, from, c.x, to)
		if l.gone != none && l.gone > l.to {
			s.line("zombie", c.x, to, c.x, p.rowY(l.gone))
		}
	}
}

func (p *picture) top(l life) int { return p.rowY(l.from) }

// rowY is the middle of a row, or the bottom after the last.
func (p *picture) rowY(n int) int {
	if n < len(p.rows) {
		return p.rows[n].y
	}
	return p.height - 8
}

// row draws one line: time, what happens among the columns, and the words.
func (s *svg) row(p *picture, r *row) {
	e := r.entry
	if r.gap > 0 {
		s.pause(p, r)
	}
	at := Millis(e.Time - p.t.Start())
	height := rowHeight + (len(r.lines)-1)*lineHeight
	class := moods[r.mood]
	if e.Kind == Rung {
		class += " rung"
	}
	s.add(`<g class="row `, class, `" role="listitem" tabindex="0" aria-label="`, escape(at+" "+r.label), `">`)
	s.rect("hit", 0, r.y-rowHeight/2, p.width(), height, 6)
	if e.Kind == Rung {
		s.line("section", 8, r.y-rowHeight/2+2, p.width()-8, r.y-rowHeight/2+2)
	}
	s.text("time", timeWidth-14, r.y+4, at)
	s.act(p, r, e)
	s.words(p, r)
	s.add("</g>\n")
}

// pause is a break in the scale of time.
func (s *svg) pause(p *picture, r *row) {
	y := r.y - rowHeight/2 - gapHeight/2
	s.rect("cover", timeWidth, y-5, p.textX()-timeWidth-16, 10, 0)
	s.add(`<path class="pause" d="M`, timeWidth+6, ` `, y, `q3 -5 6 0`)
	for x := timeWidth + 12; x < p.textX()-30; x += 6 {
		s.add(`t6 0`)
	}
	s.add(`"/>`)
	s.text("time gap", timeWidth-14, y+4, pauseWords(r.gap))
}

// pauseWords is a length of time for a break: 1.0 s, 250 ms.
func pauseWords(ns int64) string {
	if ns < 1_000_000_000 {
		return strconv.Itoa(int(ns/1_000_000)) + " ms"
	}
	tenths := int(ns / 100_000_000)
	return strconv.Itoa(tenths/10) + "." + strconv.Itoa(tenths%10) + " s"
}

func (s *svg) words(p *picture, r *row) {
	s.add(`<text class="words" y="`, r.y+4, `"><tspan class="subject" x="`, p.textX(), `">`, escape(r.subject), `</tspan>`)
	for i, line := range r.lines {
		if i == 0 && r.subject != "" {
			s.add(`<tspan class="what" dx="8">`, escape(line), `</tspan>`)
			continue
		}
		s.add(`<tspan class="what" x="`, p.textX(), `" dy="`, min(i, 1)*lineHeight, `">`, escape(line), `</tspan>`)
	}
	s.add(`</text>`)
}

// act is what happens among the columns.
func (s *svg) act(p *picture, r *row, e *Entry) {
	x := p.x(e.Who)
	switch {
	case e.Kind == Generate:
		s.arrow(p, r, e)
	case e.Kind == Populated:
		s.line("populated", timeWidth+4, r.y, p.textX()-20, r.y)
	case e.Kind == Fork && x != none && p.x(e.Whom) != none:
		to := p.x(e.Whom)
		s.line("fork", x, r.y, to, r.y)
		s.dot("born", to, r.y, 5)
	case x == none || e.Kind == Census:
	case e.Kind == Exit, e.Kind == Ended && e.Who.pidfd:
		s.chip(x, r.y, e.Who.short(), moods[r.mood])
	case e.Kind == Exec:
		s.dot("exec", x, r.y, 4)
	case e.Kind == Reap || e.Kind == Ended:
		s.line("reaped", x-7, r.y, x+7, r.y)
	default:
		s.dot("point "+moods[r.mood], x, r.y, 4)
	}
}

// short is an exit in a chip.
func (p *Process) short() string {
	switch {
	case p.Cause.Signal != 0:
		return strconv.Itoa(128 + int(p.Cause.Signal))
	case p.Known:
		return strconv.Itoa(p.code())
	}
	return "?"
}

func (s *svg) dot(class string, x, y, radius int) {
	s.add(`<circle class="`, class, `" cx="`, x, `" cy="`, y, `" r="`, radius, `"/>`)
}

func (s *svg) chip(x, y int, text, mood string) {
	s.rect("chip "+mood, x-17, y-10, 34, 20, 10)
	s.text("code", x, y+4, text)
}

// arrow is a signal on its way. One of which nothing comes stops short, at a bar.
func (s *svg) arrow(p *picture, r *row, e *Entry) {
	from, to := p.x(e.Who), p.x(e.Whom)
	if byKernel(e) {
		from = p.columns[p.kernel].x
	}
	mood := moods[r.mood]
	switch {
	case from == none || to == none:
	case from == to:
		s.add(`<path class="arrow `, mood, `" d="M`, from+4, ` `, r.y-7, `h22v14h-20" marker-end="url(#m-`, mood, `)"/>`)
		s.text("sig", from+20, r.y-10, short(e.Signal))
	default:
		side, stop := 1, 6
		if to < from {
			side = -1
		}
		if e.Way != ByChild && (e.Outcome == signals.Ignored || e.Outcome == signals.Dropped) {
			stop = 16
			s.line("wall "+mood, to-12*side, r.y-7, to-12*side, r.y+7)
		}
		s.add(`<line class="arrow `, mood, `" x1="`, from+5*side, `" y1="`, r.y, `" x2="`, to-stop*side, `" y2="`, r.y, `" marker-end="url(#m-`, mood, `)"/>`)
		s.text("sig", from+(columnWidth/2-8)*side, r.y-5, short(e.Signal))
	}
}
