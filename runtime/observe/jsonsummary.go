package observe

import "minirun/runtime/signals"

// appendSummary writes the last line.
func (t *Timeline) appendSummary(dst []byte) []byte {
	o := begin(dst)
	o.str("kind", "summary")
	o.int("lost", int64(t.Lost))
	o.list("words", t.Summary())
	o.objects("processes", len(t.Processes), func(o *object, i int) { t.appendProcess(o, &t.Processes[i]) })
	o.objects("phases", len(t.Phases), func(o *object, i int) {
		o.str("name", t.Phases[i].Name)
		o.int("from", t.Phases[i].From)
		o.int("took", t.Phases[i].Took())
	})
	return o.end()
}

func (t *Timeline) appendProcess(o *object, p *Process) {
	o.taskFields(&p.Task)
	o.list("names", p.Names)
	o.process("mother", t, p.Mother)
	o.process("adopter", t, p.Adopter)
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
		t.appendCause(o, p)
	}
	var handled signals.Set
	for sig, did := range p.handled {
		if did {
			handled |= signals.SetOf(sig)
		}
	}
	if handled != 0 {
		o.hex("handled", uint64(handled))
	}
}

// process writes the process id of another.
func (o *object) process(k string, t *Timeline, i int32) {
	if i != None {
		o.int(k, int64(t.Processes[i].Tgid))
	}
}
