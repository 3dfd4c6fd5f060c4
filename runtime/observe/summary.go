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
	if t.First != None {
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
	p := &t.Processes[t.First]
	if p.Alive() {
		return "lives"
	}
	return "ended with " + p.Number() + ": " + p.Cause.Words
}

// heldWords say who kept PID 1 from finishing: it waits in
// zap_pid_ns_processes until the last zombie of its namespace is reaped, and
// one whose parent is outside is not its to reap.
func (t *Timeline) heldWords() string {
	if t.First == None || t.Processes[t.First].Alive() {
		return ""
	}
	end := t.Processes[t.First].End
	since, until := max(end, t.lastExit(end)), t.drained()
	held := t.held(end)
	switch {
	case held == nil:
		return ""
	case until == 0:
		return "PID 1 waits for the zombie " + held.label("") + ", for which " + t.parentOf(held) + " has not waited"
	case until-since < rcu:
		return ""
	}
	return "PID 1 could not finish for " + span(until-since) + ": it waited for the zombie " + held.label("") +
		", until " + t.parentOf(held) + " reaped it"
}

// held is the last to be reaped of those whose parent is outside.
func (t *Timeline) held(end int64) (last *Process) {
	for i := range t.Processes {
		p := &t.Processes[i]
		own := p.Inside <= 0 || p.Mother != None && t.inside(p.Mother) || i == t.First
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

// tolls are those in the container whom a signal has ended, by who sent it.
func (t *Timeline) tolls() []string {
	type toll struct {
		words string
		dead  []string
		count int
	}
	var list []toll
	for i := range t.Processes {
		p := &t.Processes[i]
		if p.Cause.Kind != BySignal || p.Inside <= 0 || i == t.First {
			continue
		}
		n := 0
		for n < len(list) && list[n].words != p.Cause.Words {
			n++
		}
		if n == len(list) {
			list = append(list, toll{words: p.Cause.Words})
		}
		if list[n].count++; list[n].count <= 8 {
			list[n].dead = append(list[n].dead, p.label(""))
		}
	}
	var lines []string
	for _, x := range list {
		s := x.words + ": " + strings.Join(x.dead, ", ")
		if more := x.count - len(x.dead); more > 0 {
			s += " and " + strconv.Itoa(more) + " more"
		}
		lines = append(lines, s)
	}
	return lines
}

// leftovers are the zombies that nobody has waited for, and whoever lives on in the container.
func (t *Timeline) leftovers() []string {
	var lines []string
	if t.drained() != 0 {
		return nil
	}
	for i := range t.Processes {
		p := &t.Processes[i]
		switch {
		case p.Inside <= 0:
		case p.Alive():
			lines = append(lines, p.label("")+" is alive")
		case p.Zombie() && i != t.First && t.Finish()-p.End > rcu:
			lines = append(lines, p.label("")+" is a zombie: "+t.parentOf(p)+" has not waited for it")
		}
	}
	return shorten(lines, 12)
}

// rcu is how long the kernel may take to tell that a task was reaped: 100 ms.
const rcu = 100_000_000

// drained is when the end of the init proved that nothing is left, or 0.
func (t *Timeline) drained() (at int64) {
	for i := len(t.Entries) - 1; i >= 0 && t.First != None; i-- {
		e := &t.Entries[i]
		if int(e.Who) == t.First && e.Kind == Exit && e.Is(FlagGroupDead) {
			break
		}
		if int(e.Who) == t.First && (e.Kind == Ended || e.Kind == Reap || e.Kind == Generate && e.Way == ByChild) {
			at = e.Time
		}
	}
	return at
}

func (t *Timeline) parentOf(p *Process) string {
	switch {
	case p.Adopter != None:
		return t.label(p.Adopter)
	case p.Mother != None:
		return t.label(p.Mother)
	case p.Parent > 0:
		return "its parent [" + strconv.Itoa(int(p.Parent)) + "]"
	}
	return "its parent"
}

// pids are the processes with their numbers on both sides.
func (t *Timeline) pids() []string {
	var lines []string
	for i := range t.Processes {
		if p := &t.Processes[i]; p.Inside > 0 {
			lines = append(lines, strconv.Itoa(int(p.Inside))+" inside is "+strconv.Itoa(int(p.Tgid))+" outside: "+p.names())
		}
	}
	return shorten(lines, 12)
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
