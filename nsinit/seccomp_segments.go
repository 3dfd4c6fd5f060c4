package nsinit

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A verdict is what becomes of a system call: an action, or, where its
// arguments decide, a chain.
type verdict struct {
	action uint32
	chain  int // 1 + index into program.chains; zero: none
}

// A chain is rules that are tried in turn; the default action is the last.
type chain struct {
	items  []seccompItem // for one number of one ABI
	narrow bool
	at     label // of its code, once it is there
}

// A segment is the numbers from a first one up to the next segment's.
type segment struct {
	from uint32
	to   verdict
}

// segments are all numbers of an ABI from base on, in order: neighbours with
// the same verdict are one, and so the hundreds of calls that a profile allows
// become a few dozen segments.
func (p *seccompProgram) segments(segs []segment, a seccompABI, base uint32) []segment {
	segs = put(segs, base, verdict{action: p.def})
	items := p.items[a]
	for len(items) > 0 {
		nr := items[0].nr()
		n := 1
		for n < len(items) && items[n].nr() == nr {
			n++
		}
		segs = put(segs, nr, p.verdict(a, items[:n]))
		segs = put(segs, nr+1, verdict{action: p.def})
		items = items[n:]
	}
	if last := p.last[a]; last > 0 && !permissive(p.def) {
		segs = put(segs, uint32(last)+1, verdict{action: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	return segs
}

// put lets a segment begin.
func put(segs []segment, from uint32, to verdict) []segment {
	if n := len(segs); n > 0 && segs[n-1].from == from {
		segs = segs[:n-1]
	}
	if n := len(segs); n > 0 && segs[n-1].to == to {
		return segs
	}
	return append(segs, segment{from, to})
}

// permissive tells whether a default action lets unknown system calls reach
// the kernel, which answers ENOSYS itself, or a tracer, which may emulate them.
func permissive(action uint32) bool {
	switch action & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
		return true
	}
	return false
}

// verdict is that of the rules for one system call.
func (p *seccompProgram) verdict(a seccompABI, items []seccompItem) verdict {
	for _, i := range items {
		if r := p.rules[i.rule()]; len(r.conds) == 0 {
			return verdict{action: r.action}
		}
	}
	for i, c := range p.chains {
		if c.narrow == a.narrow() && slices.EqualFunc(c.items, items, sameRule) {
			return verdict{chain: i + 1}
		}
	}
	p.chains = append(p.chains, chain{items: items, narrow: a.narrow(), at: nowhere})
	return verdict{chain: len(p.chains)}
}

func sameRule(a, b seccompItem) bool { return a.rule() == b.rule() }
