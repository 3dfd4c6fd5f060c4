package observe

// adoptions gives the children of a process that has ended to the one that the
// kernel gives them to. The end of an init leaves none.
func (b *builder) adoptions() {
	inits := b.inits()
	for i := range b.Processes {
		c := &b.Processes[i]
		if c.Mother == None {
			continue
		}
		m := &b.Processes[c.Mother]
		if m.End == 0 || m.Own == 1 && m.Inside > 0 || c.goneBefore(m.End) {
			continue
		}
		m.Left++
		if c.Adopter == None {
			c.Adopter = b.reaper(inits, c, m)
		}
	}
}

// goneBefore reports whether a process was reaped by then. Where that is told
// late, one that had ended is taken for reaped: parents wait, as a rule.
func (p *Process) goneBefore(at int64) bool {
	return p.Gone != 0 && (p.Gone <= at || p.Late && p.End <= at)
}

func (b *builder) inits() (list []int32) {
	for i := range b.Processes {
		if p := &b.Processes[i]; p.Own == 1 && p.Inside > 0 {
			list = append(list, int32(i))
		}
	}
	return list
}

// reaper is who adopts by the rule (find_new_reaper of kernel/exit.c): the init
// of the child's PID namespace, if the parent was in it. A process that was
// executed from outside goes to somebody outside. No event tells, nor of a
// subreaper (PR_SET_CHILD_SUBREAPER); what a source tells later overrules.
func (b *builder) reaper(inits []int32, c, parent *Process) int32 {
	if parent.Inside <= 0 || c.Inside <= 0 {
		return None
	}
	for _, i := range inits {
		init := &b.Processes[i]
		if init.Depth == c.Depth && (init.End == 0 || init.End > parent.End) {
			return i
		}
	}
	return None
}
