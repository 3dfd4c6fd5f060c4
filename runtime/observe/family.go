package observe

import (
	"slices"
	"strconv"
	"strings"
)

// bequeath gives the children of a process that has ended to the one that the
// kernel gives them to. The end of an init leaves none.
func (b *builder) bequeath(p *Process) {
	if p.willed || p.Own == 1 && p.Inside > 0 {
		return
	}
	p.willed = true
	var list []string
	var to string
	for _, c := range p.children {
		if c.goneBefore(p.End) {
			continue
		}
		if c.Adopter == nil {
			c.Adopter = b.reaper(c, p)
		}
		if p.Left++; p.Left <= mostNamed {
			list = append(list, c.label(""))
		}
		if c.Adopter != nil {
			to = " to " + c.Adopter.label("")
		} else if to == "" {
			to = " to a reaper outside"
		}
	}
	if p.Left > 0 {
		p.will = "leaves " + strings.Join(list, ", ") + andMore(p.Left) + to
	}
}

// mostNamed is how many processes a line names; of the others it has the number.
const mostNamed = 64

// andMore is how many of n a line does not name.
func andMore(n int) string {
	if n <= mostNamed {
		return ""
	}
	return " and " + strconv.Itoa(n-mostNamed) + " more"
}

// goneBefore reports whether a process was reaped by then. Where that is told
// late, one that had ended is taken for reaped: parents wait, as a rule.
func (p *Process) goneBefore(at int64) bool {
	return p.Gone != 0 && (p.Gone <= at || p.Late && p.End <= at)
}

// reaper is who adopts by the rule (find_new_reaper of kernel/exit.c): the init
// of the PID namespace that the parent was in. A process that was
// executed from outside goes to somebody outside. No event tells, nor of a
// subreaper (PR_SET_CHILD_SUBREAPER); what a source tells later overrules.
func (b *builder) reaper(c, parent *Process) *Process {
	if parent.Inside <= 0 || c.Inside <= 0 {
		return nil
	}
	p := parent.Mother
	for range 64 { // in a timeline that is not of a kernel they may go round in circles
		if p == nil {
			break
		}
		if p.adopts(parent) {
			return p
		}
		p = p.Mother
	}
	b.inits = slices.DeleteFunc(b.inits, func(p *Process) bool { return p.End != 0 && p.End <= parent.End })
	for _, p := range b.inits { // it came by setns(2), or from far below
		if p.adopts(parent) {
			return p
		}
	}
	return nil
}

// adopts reports whether a process is an init as deep as one that has ended before it.
func (p *Process) adopts(dead *Process) bool {
	return p.Own == 1 && p.Inside > 0 && p.Depth == dead.Depth && (p.End == 0 || p.End > dead.End)
}
