package cgroups

import "errors"

// PidsStat returns how the group stands towards pids.max.
func (g *Group) PidsStat() (PidsStat, error) {
	dir := g.v1("pids")
	if dir == "" && g.pure() {
		dir = g.unified()
	}
	if dir == "" {
		return PidsStat{}, errors.New("cgroup: read pids.current: the pids controller is not mounted")
	}
	s := PidsStat{Peak: NoLimit}
	for _, f := range [...]struct {
		name string
		to   *int64
	}{{"pids.current", &s.Current}, {"pids.max", &s.Max}, {"pids.peak", &s.Peak}} {
		text, err := readFile(dir, f.name)
		if err == nil {
			*f.to, err = parseLimit(text)
		} else if f.to == &s.Peak && gone(err) {
			err = nil
		}
		if err != nil {
			return PidsStat{}, failed("read", dir+"/"+f.name, err)
		}
	}
	events, err := readFile(dir, "pids.events")
	if err != nil {
		return PidsStat{}, failed("read", dir+"/pids.events", err)
	}
	s.Refused = valueOf(events, "max")
	return s, nil
}

// MemoryEvents returns what the OOM killer did in the group. It has to be read
// before Delete: the counters go with the group.
func (g *Group) MemoryEvents() (MemoryEvents, error) {
	dir, file := g.v1("memory"), "memory.oom_control"
	if dir == "" && g.pure() {
		dir, file = g.unified(), "memory.events"
	}
	if dir == "" {
		return MemoryEvents{}, errors.New("cgroup: read memory.events: the memory controller is not mounted")
	}
	text, err := readFile(dir, file)
	if err != nil {
		return MemoryEvents{}, failed("read", dir+"/"+file, err)
	}
	return MemoryEvents{OOM: valueOf(text, "oom"), OOMKill: valueOf(text, "oom_kill")}, nil
}
