package observe

// appendSummary writes the last line.
func (t *Timeline) appendSummary(dst []byte) []byte {
	o := begin(dst)
	o.str("kind", "summary")
	o.int("lost", int64(t.Lost))
	o.list("words", t.Summary())
	o.objects("processes", len(t.Processes), func(o *object, i int) { t.Processes[i].append(o) })
	if n := t.dropped.count; n > 0 {
		o.int("processesLeftOut", int64(n))
	}
	o.objects("phases", len(t.Phases), func(o *object, i int) {
		o.str("name", t.Phases[i].Name)
		o.int("from", t.Phases[i].From)
		o.int("took", t.Phases[i].Took())
	})
	return o.end()
}

func (p *Process) append(o *object) {
	o.taskFields(&p.Task)
	o.list("names", p.Names)
	o.process("mother", p.Mother)
	o.process("adopter", p.Adopter)
	for _, f := range [...]struct {
		key string
		at  int64
	}{{"begin", p.Begin}, {"end", p.End}, {"reaped", p.Gone}} {
		if f.at != 0 {
			o.int(f.key, f.at)
		}
	}
	o.yes("reapedLate", p.Late)
	if p.Known {
		o.int("status", int64(p.Status))
	}
	if p.End != 0 {
		p.appendCause(o)
	}
	if p.handled != 0 {
		o.hex("handled", uint64(p.handled))
	}
}

// process writes the process id of another.
func (o *object) process(k string, p *Process) {
	if p != nil {
		o.int(k, int64(p.Tgid))
	}
}
