package observe

import "slices"

// mostProcesses is how many processes the summary lists that are over and
// done with; of those beyond it only their numbers are kept.
const mostProcesses = 4096

// dropped is what is kept of the processes that are left out.
type dropped struct {
	count, inside int
	tolls         []toll
	lastEnd       int64
	sweepAt       int // so many processes make it worth to look again
}

// born is the number of the next process.
func (t *Timeline) born() int32 { return int32(len(t.Processes) + t.dropped.count) }

// sweep leaves out who is over and done with, when there are too many.
func (b *builder) sweep(s sink) {
	d := &b.dropped
	if d.sweepAt = max(d.sweepAt, 2*mostProcesses); len(b.Processes) < d.sweepAt {
		return
	}
	n := 0
	b.Processes = slices.DeleteFunc(b.Processes, func(p *Process) bool {
		n++
		if n <= mostProcesses || !p.over(b.First) {
			return false
		}
		s.gone(b.Timeline, p)
		b.drop(p)
		return true
	})
	b.inits = slices.DeleteFunc(b.inits, func(p *Process) bool { return p != b.First && p.Gone != 0 })
	d.sweepAt = max(2*mostProcesses, 2*len(b.Processes))
}

// over reports whether nothing more is to be expected of a process: it was
// reaped, or it is one outside that has acted on the container and may again, as a new one.
func (p *Process) over(first *Process) bool {
	return p != first && (p.Inside <= 0 || p.Gone != 0 && p.willed)
}

func (b *builder) drop(p *Process) {
	d := &b.dropped
	d.count++
	if p.Inside > 0 {
		d.inside++
		d.lastEnd = max(d.lastEnd, p.End)
		d.toll(p)
	}
	if b.byPid[p.Tgid] == p {
		delete(b.byPid, p.Tgid)
	}
	p.Mother, p.children, p.queues = nil, nil, nil // of them a chain could hang
}

// mostTolls bounds the reasons that are counted apart.
const mostTolls = 24

func (d *dropped) toll(p *Process) {
	if p.Cause.Kind != BySignal {
		return
	}
	words := p.Cause.Words
	n := slices.IndexFunc(d.tolls, func(x toll) bool { return x.words == words })
	if n < 0 && len(d.tolls) == mostTolls {
		words, n = "other signals", mostTolls-1
		d.tolls[n].words = words
	}
	if n < 0 {
		n, d.tolls = len(d.tolls), append(d.tolls, toll{words: words})
	}
	d.tolls[n].count++
}
