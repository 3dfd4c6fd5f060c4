package observe

import (
	"io"
	"slices"
)

// A Live is a timeline that is written while it happens. Its lines are in the
// order of the kernel's time, which takes that its source says how far it has
// told (Source.Told). It keeps what may still change, and the processes: what is
// settled is written, and forgotten.
type Live struct {
	b       *builder
	to      sink
	coming  []Event  // in no order
	pending []*Entry // in their order, and not written
	done    int      // so many of them are concluded
	told    int64
}

// The bounds on how long an entry waits for what it will come to: in
// nanoseconds of the kernel's time, and in entries that wait behind it.
const (
	patience    = 250_000_000
	mostPending = 8192
)

// NewLive begins a timeline that is written to w.
func NewLive(about About, w io.Writer, f Format) *Live {
	return &Live{b: newBuilder(about), to: newSink(w, f)}
}

// Collect begins a timeline that is kept, and has its entries at the end.
func Collect(about About) *Live {
	return &Live{b: newBuilder(about), to: &collector{}}
}

// Add takes events, in any order.
func (l *Live) Add(events ...Event) { l.coming = append(l.coming, events...) }

// Advance writes what is settled, when nothing before told is still to come.
func (l *Live) Advance(told int64) error {
	l.told = max(l.told, told)
	l.order(l.told)
	for l.done < len(l.pending) {
		e := l.pending[l.done]
		if !e.settled() && !l.late(e) && len(l.pending)-l.done <= mostPending {
			break
		}
		if l.closes(e.Time) {
			l.close()
		}
		was := l.b.open
		l.b.conclude(e)
		l.b.release(e)
		if l.b.open != was {
			l.write(l.done)
		}
		l.done++
	}
	if l.closes(l.told) {
		l.close()
	}
	l.b.sweep(l.to)
	return l.to.Flush()
}

// order takes the events up to a time.
func (l *Live) order(until int64) {
	byTime(l.coming)
	n, _ := slices.BinarySearchFunc(l.coming, until+1, func(e Event, t int64) int { return int(min(max(e.Time-t, -1), 1)) })
	for _, e := range l.coming[:n] {
		if e.Origin == Minirun || e.Origin == Proc { // it was heard late: a verb has had no time to say it
			e.Time = max(e.Time, l.b.finish)
		}
		l.pending = append(l.pending, l.b.take(e))
	}
	l.coming = slices.Delete(l.coming, 0, n)
	if len(l.coming) == 0 && cap(l.coming) > mostPending {
		l.coming = nil
	}
}

// late reports whether an entry has waited long enough.
func (l *Live) late(e *Entry) bool { return l.told-e.Time >= patience }

// closes reports whether by then no line is open, or the one that is has been so for long enough.
func (l *Live) closes(then int64) bool {
	return l.b.open == nil || then-l.b.open.Time >= patience || l.done > mostPending
}

// close ends the open line.
func (l *Live) close() {
	l.b.open = nil
	l.write(l.done)
}

// write writes the first n of those pending: concluded, and no part of a line that is open.
func (l *Live) write(n int) {
	for _, e := range l.pending[:n] {
		l.to.entry(l.b.Timeline, e)
	}
	l.pending = slices.Delete(l.pending, 0, n)
	l.done -= n
}

// Wants is when to Advance again at the latest, in nanoseconds of
// CLOCK_MONOTONIC: there is something that waits. 0: there is nothing.
func (l *Live) Wants() (at int64) {
	switch {
	case len(l.coming) > 0:
		return 1
	case len(l.pending) > 0:
		return l.pending[0].Time + patience
	}
	return 0
}

// Finish writes the rest, and the summary: nothing more is to come.
func (l *Live) Finish() (*Timeline, error) {
	l.order(1<<63 - 2)
	for ; l.done < len(l.pending); l.done++ {
		l.b.conclude(l.pending[l.done])
	}
	l.b.close()
	l.close()
	return l.b.Timeline, l.to.end(l.b.Timeline)
}

// release forgets of a process that is over what only its end needed.
func (b *builder) release(e *Entry) {
	p := e.Who
	if p == nil || e.Kind != Free && e.Kind != Reap || p.End == 0 || !p.willed || !p.judged {
		return
	}
	p.queues, p.abort, p.exec, p.children = nil, nil, nil, nil
}

// A collector keeps the entries.
type collector struct{}

func (collector) entry(t *Timeline, e *Entry) { t.Entries = append(t.Entries, e) }
func (collector) gone(*Timeline, *Process)    {}
func (collector) end(*Timeline) error         { return nil }
func (collector) Flush() error                { return nil }
