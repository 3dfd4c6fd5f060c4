package observe

// A Phase is one section of a container's end.
type Phase struct {
	Name     string
	From, To int64
}

// Took is its length in nanoseconds.
func (p Phase) Took() int64 { return p.To - p.From }

// measure finds the moments of the init's end, of which the source may not
// know each, and makes phases of neighbours.
func (b *builder) measure() {
	if b.First == None {
		return
	}
	p := &b.Processes[b.First]
	if p.End == 0 {
		return
	}
	m := moments{}
	if p.killer != None {
		m.add("signal", b.Entries[p.killer].Time)
	}
	m.add("exit of PID 1", p.End)
	b.endings(&m)
	for i := 1; i < len(m.list); i++ {
		from, to := m.list[i-1], m.list[i]
		b.Phases = append(b.Phases, Phase{from.name + " → " + to.name, from.at, to.at})
	}
}

// endings are the moments after the init's exit. The kernel ends the others
// while the init is still there, and lets its parent know last.
func (b *builder) endings(m *moments) {
	var zap, reaped, empty, readable int64
	end := b.Processes[b.First].End
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Time < end {
			continue
		}
		switch mine := int(e.Who) == b.First; {
		case e.Kind == Generate && e.Way == ByZap && mine && zap == 0:
			zap = e.Time
		case e.Kind == Generate && e.Signal == sigchld && mine:
			reaped = e.Time
		case e.Kind == Populated && e.Result == 0 && !e.Folded:
			empty = e.Time
		case e.Kind == Ended && mine && !b.Processes[b.First].pidfd:
			readable = e.Time
		}
	}
	m.add("zap", zap)
	m.add("last exit", b.lastExit(end))
	m.add("cgroup empty", empty)
	m.add("last reap", reaped)
	m.add("status readable", readable)
}

// lastExit is when the last process other than the init ended, if any outlived it.
func (t *Timeline) lastExit(after int64) (last int64) {
	for i := range t.Processes {
		if p := &t.Processes[i]; i != t.First && p.Inside > 0 && p.End > after {
			last = max(last, p.End)
		}
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
