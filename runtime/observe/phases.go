package observe

// A Phase is one section of a container's end.
type Phase struct {
	Name     string
	From, To int64
}

// Took is its length in nanoseconds.
func (p Phase) Took() int64 { return p.To - p.From }

// endings are the moments after the init's exit, 0 where nobody saw one. The
// kernel ends the others while the init is still there, and lets its parent know last.
type endings struct{ zap, reaped, empty, readable int64 }

// witness takes from an entry what it tells of the container's end.
func (b *builder) witness(e *Entry) {
	p := b.First
	if p == nil {
		return
	}
	mine := e.Who == p
	switch {
	case mine && e.Kind == Exit && e.Is(FlagGroupDead):
		b.drained = 0
	case mine && b.drained == 0 && (e.Kind == Ended || e.Kind == Reap || e.Kind == Generate && e.Way == ByChild):
		b.drained = e.Time
	}
	if p.End == 0 || e.Time < p.End {
		return
	}
	switch m := &b.end; {
	case e.Kind == Generate && e.Way == ByZap && mine && e.Whom != p && m.zap == 0:
		m.zap = e.Time
	case e.Kind == Generate && e.Signal == sigchld && mine:
		m.reaped = e.Time
	case e.Kind == Populated && e.Result == 0 && !e.Folded:
		m.empty = e.Time
	case e.Kind == Ended && mine && !p.pidfd:
		m.readable = e.Time
	}
}

// measure makes phases of the moments of the init's end, of neighbours each.
func (b *builder) measure() {
	p := b.First
	if p == nil || p.End == 0 {
		return
	}
	m := moments{}
	if p.killer != nil {
		m.add("signal", p.killer.Time)
	}
	m.add("exit of PID 1", p.End)
	m.add("zap", b.end.zap)
	m.add("last exit", b.lastExit(p.End))
	m.add("cgroup empty", b.end.empty)
	m.add("last reap", b.end.reaped)
	m.add("status readable", b.end.readable)
	for i := 1; i < len(m.list); i++ {
		from, to := m.list[i-1], m.list[i]
		b.Phases = append(b.Phases, Phase{from.name + " → " + to.name, from.at, to.at})
	}
}

// lastExit is when the last process other than the init ended, if any outlived it.
func (t *Timeline) lastExit(after int64) (last int64) {
	for _, p := range t.Processes {
		if p != t.First && p.Inside > 0 && p.End > after {
			last = max(last, p.End)
		}
	}
	if t.dropped.lastEnd > after {
		last = max(last, t.dropped.lastEnd)
	}
	return last
}

type moment struct {
	name string
	at   int64
}

// moments are kept by time; those that nobody saw are left out.
type moments struct{ list []moment }

func (m *moments) add(name string, at int64) {
	if at == 0 {
		return
	}
	m.list = append(m.list, moment{name, at})
	for i := len(m.list) - 1; i > 0 && m.list[i].at < m.list[i-1].at; i-- {
		m.list[i], m.list[i-1] = m.list[i-1], m.list[i]
	}
}
