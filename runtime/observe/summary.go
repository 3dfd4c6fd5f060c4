package observe

import (
	"strconv"
	"strings"
)

// Summary is the end of a timeline in a few lines: why PID 1 has ended, who
// ended whom, how long each phase took, who is left, and what is missing.
func (t *Timeline) Summary() []string {
	var lines []string
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, pad(name, 11, false)+text)
		}
	}
	if t.First != nil {
		add("PID 1", t.firstWords())
	}
	for i, s := range t.tolls() {
		add(first(i, "ended by"), s)
	}
	add("held up", t.heldWords())
	for i, p := range t.Phases {
		add(first(i, "phases"), pad(span(p.Took()), 14, true)+"  "+p.Name)
	}
	for i, s := range t.leftovers() {
		add(first(i, "left"), s)
	}
	for i, s := range t.pids() {
		add(first(i, "pids"), s)
	}
	return append(lines, pad("lost", 11, false)+t.lostWords())
}

// first names the first of several lines.
func first(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}

func (t *Timeline) firstWords() string {
	p := t.First
	if p.Alive() {
		return "lives"
	}
	return "ended with " + p.Number() + ": " + p.Cause.Words
}

// heldWords say who kept PID 1 from finishing: it waits in
// zap_pid_ns_processes until the last zombie of its namespace is reaped, and
// one whose parent is outside is not its to reap.
func (t *Timeline) heldWords() string {
	if t.First == nil || t.First.Alive() {
		return ""
	}
	end := t.First.End
	since, until := max(end, t.lastExit(end)), t.drained
	held := t.held(end)
	switch {
	case held == nil:
		return ""
	case until == 0:
		return "PID 1 waits for the zombie " + held.label("") + ", for which " + held.parent() + " has not waited"
	case until-since < rcu:
		return ""
	}
	return "PID 1 could not finish for " + span(until-since) + ": it waited for the zombie " + held.label("") +
		", until " + held.parent() + " reaped it"
}

// held is the last to be reaped of those whose parent is outside.
func (t *Timeline) held(end int64) (last *Process) {
	for _, p := range t.Processes {
		own := p.Inside <= 0 || p.Mother.inside() || p == t.First
		if own || p.End == 0 || p.Gone != 0 && p.Gone <= end {
			continue
		}
		if last == nil || p.Gone == 0 || last.Gone != 0 && p.Gone > last.Gone {
			last = p
		}
	}
	return last
}

// span is a length of time in words.
func span(ns int64) string { return strings.TrimPrefix(Millis(ns), "+") }

func (t *Timeline) lostWords() string {
	if t.Lost == 0 {
		return "nothing"
	}
	return strconv.FormatUint(t.Lost, 10) + " events: what they would have told is not in this timeline"
}

// A toll is those whom signals have ended for the same reason: the first
// eight of them, and how many in all.
type toll struct {
	words string
	dead  []string
	count int
}

// tolls are those in the container whom a signal has ended, by who sent it.
func (t *Timeline) tolls() (lines []string) {
	var list []*toll
	known := map[string]*toll{}
	find := func(words string) *toll {
		x := known[words]
		if x == nil {
			x = &toll{words: words}
			known[words], list = x, append(list, x)
		}
		return x
	}
	for _, p := range t.Processes {
		if p.Cause.Kind != BySignal || p.Inside <= 0 || p == t.First {
			continue
		}
		x := find(p.Cause.Words)
		if x.count++; x.count <= 8 {
			x.dead = append(x.dead, p.label(""))
		}
	}
	for _, d := range t.dropped.tolls {
		x := find(d.words)
		x.count += d.count
	}
	for _, x := range list {
		s := x.words + ": " + strings.Join(x.dead, ", ")
		switch more := x.count - len(x.dead); {
		case len(x.dead) == 0:
			s += strconv.Itoa(more) + " processes"
		case more > 0:
			s += " and " + strconv.Itoa(more) + " more"
		}
		lines = append(lines, s)
	}
	return shorten(lines, 24)
}

// leftovers are the zombies that nobody has waited for, and whoever lives on in the container.
func (t *Timeline) leftovers() (lines []string) {
	if t.drained != 0 {
		return nil
	}
	for _, p := range t.Processes {
		switch {
		case p.Inside <= 0:
		case p.Alive():
			lines = append(lines, p.label("")+" is alive")
		case p.Zombie() && p != t.First && t.Finish()-p.End > rcu:
			lines = append(lines, p.label("")+" is a zombie: "+p.parent()+" has not waited for it")
		}
	}
	return shorten(lines, 12)
}

// rcu is how long the kernel may take to tell that a task was reaped: 100 ms.
const rcu = 100_000_000

// parent is who has to wait for a process, as far as that is known.
func (p *Process) parent() string {
	switch {
	case p.Adopter != nil:
		return p.Adopter.label("")
	case p.Mother != nil:
		return p.Mother.label("")
	case p.Parent > 0:
		return "its parent [" + strconv.Itoa(int(p.Parent)) + "]"
	}
	return "its parent"
}

// pids are the processes with their numbers on both sides.
func (t *Timeline) pids() (lines []string) {
	const most = 12
	more := t.dropped.inside
	for _, p := range t.Processes {
		switch {
		case p.Inside <= 0:
		case len(lines) == most:
			more++
		default:
			lines = append(lines, strconv.Itoa(int(p.Inside))+" inside is "+strconv.Itoa(int(p.Tgid))+" outside: "+p.names())
		}
	}
	if more > 0 {
		lines = append(lines, "and "+strconv.Itoa(more)+" more")
	}
	return lines
}

// names is every name of a process, in order.
func (p *Process) names() string {
	if len(p.Names) == 0 {
		return "of unknown name"
	}
	list := make([]string, len(p.Names))
	for i, n := range p.Names {
		list[i] = Clean(n)
	}
	return strings.Join(list, ", then ")
}

func shorten(lines []string, limit int) []string {
	if len(lines) <= limit {
		return lines
	}
	return append(lines[:limit], "and "+strconv.Itoa(len(lines)-limit)+" more")
}
