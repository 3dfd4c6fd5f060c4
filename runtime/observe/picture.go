package observe

import (
	"strconv"
	"strings"

	"minirun/runtime/signals"
)

// A picture is a timeline as a sequence diagram: time runs down, each process
// has a column, a signal is an arrow from one to another, and what it comes
// to stands beside it. Lengths are in pixels.
type picture struct {
	t       *Timeline
	columns []column
	of      map[*Process]int // its column
	kernel  int              // column of the kernel, or none
	ours    int              // column of minirun, or none
	rows    []row
	height  int
}

// A column is that of one process or, when many have come and gone, of several
// one after the other.
type column struct {
	x     int
	lives []life
	apart bool // outside the container
}

// A life is a process in its column, by rows; to is where it ended, gone where it was reaped.
type life struct {
	process        *Process
	from, to, gone int
	born           bool // its fork is on row from; else it was there before
}

// A row is one line of the timeline.
type row struct {
	entry   *Entry
	y       int    // of its middle
	label   string // all of it, for who hears it read
	subject string
	lines   []string // what is said of it, wrapped
	mood    Mood
	gap     int64 // how long nothing happened before, if that is worth a break
}

const (
	timeWidth   = 112 // of the column of times
	columnWidth = 80
	textWidth   = 520
	headHeight  = 82
	rowHeight   = 30
	lineHeight  = 17
	gapHeight   = 30
	longPause   = 100_000_000 // ns that make a break
	mostRows    = 3000
	mostColumns = 12 // before columns are used again
)

// none is a row or a column that there is not.
const none = -1

// draw lays lines of a timeline out.
func (t *Timeline) draw(lines []*Entry) *picture {
	p := &picture{t: t, of: map[*Process]int{}, kernel: none, ours: none}
	p.layRows(lines)
	p.layColumns()
	return p
}

func (p *picture) width() int { return p.textX() + textWidth }
func (p *picture) textX() int { return timeWidth + len(p.columns)*columnWidth + 16 }

// layRows gives each line its height, and a break where little happened for long.
func (p *picture) layRows(lines []*Entry) {
	y, last := headHeight, int64(0)
	for _, e := range lines {
		l := e.Line()
		r := row{entry: e, label: l.label(), subject: l.subject(), mood: l.Mood}
		r.lines = wrap(l.What, textWidth-breadth(r.subject, true)-16, textWidth-8, e.Kind == Rung)
		if last != 0 && e.Time-last >= longPause {
			r.gap = e.Time - last
			y += gapHeight
		}
		last = e.Time
		r.y = y + rowHeight/2
		y += rowHeight + (len(r.lines)-1)*lineHeight
		p.rows = append(p.rows, r)
	}
	p.height = y + 12
}

// subject is who a line is about: the sender of a signal stands at its arrow.
func (l *Line) subject() string {
	if l.Arrow != "" {
		return l.Arrow + " → " + l.Whom
	}
	return l.Who
}

func (l *Line) label() string {
	if l.Arrow != "" {
		return l.Who + " sends " + l.Arrow + " to " + l.Whom + ": " + l.What
	}
	return strings.TrimPrefix(l.Who+" ", " ") + l.What
}

// layColumns has those outside first, then the container's, in order of appearance.
func (p *picture) layColumns() {
	lives := p.lives()
	for _, apart := range []bool{true, false} {
		for i := range lives {
			l := &lives[i]
			if l.from != none && l.process.inside() != apart {
				p.place(*l, apart)
			}
		}
		if apart && p.kernelActs() {
			p.kernel = len(p.columns)
			p.columns = append(p.columns, column{apart: true})
		}
	}
	for i := range p.columns {
		p.columns[i].x = timeWidth + i*columnWidth + columnWidth/2
	}
}

// place puts a life into a column of its own, or when there are many into one that is free by then.
func (p *picture) place(l life, apart bool) {
	if p.minirun(l.process) && p.ours != none {
		p.of[l.process] = p.ours
		return
	}
	for i := range p.columns {
		c := &p.columns[i]
		if len(p.columns) < mostColumns || c.apart != apart || len(c.lives) == 0 {
			continue
		}
		if before := c.lives[len(c.lives)-1]; before.gone < l.from && before.to < l.from {
			c.lives = append(c.lives, l)
			p.of[l.process] = i
			return
		}
	}
	if p.minirun(l.process) {
		p.ours = len(p.columns)
	}
	p.of[l.process] = len(p.columns)
	p.columns = append(p.columns, column{lives: []life{l}, apart: apart})
}

// minirun reports whether a process is one of minirun's verbs. They are one actor.
func (p *picture) minirun(pr *Process) bool {
	return pr.Inside <= 0 && pr.Name() == "minirun"
}

// lives finds the rows between which each process lived. One that has no part in any row has from none.
func (p *picture) lives() []life {
	lives := make([]life, len(p.t.Processes))
	at := make(map[*Process]*life, len(lives))
	for i, process := range p.t.Processes {
		lives[i] = life{process: process, from: none, to: len(p.rows), gone: none}
		at[process] = &lives[i]
	}
	for n := range p.rows {
		e := p.rows[n].entry
		for _, of := range [...]*Process{e.Who, e.Whom} {
			if l := at[of]; l != nil && l.from == none && !fromKernel(e, of) {
				l.from = n
			}
		}
		who, whom := at[e.Who], at[e.Whom]
		switch {
		case e.Kind == Fork && whom != nil:
			whom.from, whom.born = n, true
		case who == nil:
		case e.Kind == Exit || e.Kind == Ended && e.Who.pidfd:
			who.to = n
		case e.Kind == Reap || e.Kind == Ended:
			who.gone = n
		}
	}
	for i := range lives {
		if l := &lives[i]; !l.born && l.from != none && l.process.inside() {
			l.from = 0
		}
	}
	return lives
}

// fromKernel reports whether a process is the sender of a signal in name only.
func fromKernel(e *Entry, p *Process) bool {
	return e.Kind == Generate && p == e.Who && p != e.Whom && (e.Way == ByOOM || e.Way == ByKernel || e.Way == ByTimer)
}

// byKernel reports whether a signal's arrow begins at the kernel.
func byKernel(e *Entry) bool {
	return e.Kind == Generate && (e.Who == nil || e.Way == ByOOM || e.Way == ByKernel || e.Way == ByTimer)
}

func (p *picture) kernelActs() bool {
	for i := range p.rows {
		if byKernel(p.rows[i].entry) {
			return true
		}
	}
	return false
}

// x is where a process's column is, or none.
func (p *picture) x(process *Process) int {
	if c, ok := p.of[process]; ok {
		return p.columns[c].x
	}
	return none
}

// head is what stands above a life: pid and name.
func (p *picture) head(pr *Process) (pid, name string) {
	pid, name, _ = strings.Cut(pr.label(""), " ")
	if p.minirun(pr) {
		return "", "minirun"
	}
	if pr.Inside <= 0 {
		return strconv.Itoa(int(pr.Tgid)), Clean(pr.Name())
	}
	return pid, name
}

// short is a signal's name on its arrow.
func short(sig uint8) string { return strings.TrimPrefix(signals.Name(int(sig)), "SIG") }
