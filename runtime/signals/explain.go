package signals

import (
	"strings"
	"syscall"
)

// A Row is what becomes of one signal if it is sent to a process.
type Row struct {
	Signal      int
	Name        string
	Disposition Disposition
	Mask        string // how it is held back, as Task.Mask says
	Queued      bool   // it is pending already

	Inside  Answer // kill(2) from inside the process's PID namespace
	Outside Answer // kill(2) from an ancestor namespace, such as the host's
	Fault   Answer // raised by the process's own instruction; zero where no fault raises it

	Reason string // of both, without the action
}

// Explain answers for all 64 signals what becomes of them, in order.
func Explain(t Task) []Row {
	rows := make([]Row, 0, Last)
	for sig := 1; sig <= Last; sig++ {
		rows = append(rows, t.row(sig))
	}
	return rows
}

func (t Task) row(sig int) Row {
	r := Row{
		Signal: sig, Name: Name(sig), Disposition: t.Disposition(sig), Mask: t.Mask(sig),
		Queued:  t.Pending.Has(sig) || t.Shared.Has(sig),
		Inside:  Verdict(t.Question(sig, Kill, true)),
		Outside: Verdict(t.Question(sig, Kill, false)),
	}
	if Set(faulting).Has(sig) {
		r.Fault = Verdict(t.Question(sig, Fault, true))
	}
	// They differ where PID 1 takes a signal only from outside, as Inside's says.
	_, r.Reason, _ = strings.Cut(r.Inside.Reason, ": ")
	return r
}

// like reports whether two rows differ in their signal alone, so that a
// table may show them as one.
func (r Row) like(o Row) bool {
	same := func(a, b Answer) bool {
		a.Reason, b.Reason = "", ""
		return a == b
	}
	return r.Disposition == o.Disposition && r.Mask == o.Mask && r.Queued == o.Queued &&
		same(r.Inside, o.Inside) && same(r.Outside, o.Outside) && same(r.Fault, o.Fault)
}

// realTime reports whether the row is of a signal that has only a number for a name.
func (r Row) realTime() bool { return r.Signal > int(syscall.SIGSYS) }
