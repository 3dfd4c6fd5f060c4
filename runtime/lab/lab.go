// Package lab plays experiments about PID 1 on the kernel at hand: real
// containers with workloads of its own, and beside what the kernel said what
// the rule says (package signals, and the man pages). It needs no image and no
// network, and reaches a container through the command line of a runtime alone,
// so that another runtime than minirun can be put to the same questions.
//
// The workloads are plans of package nsinit, assembled like the births of
// containers: a few kilobytes without libc. They answer through Marks on their
// standard output. A handler is the one thing for which such a program has no
// words, and it gets by with its own entry point: see code.handle.
package lab

import "errors"

// An Experiment is one question to the kernel.
type Experiment struct {
	Name     string
	Question string
	Done     string // what is done
	Answer   string // in one line, when all rows agree
	Own      bool   // it needs more than the verbs and flags of all OCI runtimes
	Play     func(*Bench)
}

// A Row is one thing that was asked of the kernel.
type Row struct {
	What string
	Want string // by the rule; empty when the rule leaves it to the program
	Got  string
	Why  string // the rule's reason, or how long it took; may be empty
}

// Agrees reports whether the kernel answered as the rule says.
func (r Row) Agrees() bool { return r.Want == "" || r.Want == r.Got }

// A Result is what came of one experiment.
type Result struct {
	*Experiment
	Rows     []Row
	Evidence *Evidence // what the kernel told, nil where nothing could be observed
	Skipped  string    // why it was not played, else empty
	Err      error     // why it broke off, else nil
	Kept     string    // the directory of its bundles and containers, with Keep or when they could not be removed
}

// Outcome is the result in a word: agrees, differs, skipped or failed.
func (r *Result) Outcome() string {
	switch {
	case r.Err != nil:
		return "failed"
	case r.Skipped != "":
		return "skipped"
	case len(r.Differences()) > 0:
		return "differs"
	}
	return "agrees"
}

// Differences are the rows in which the kernel disagrees with the rule.
func (r *Result) Differences() []Row {
	var rows []Row
	for _, row := range r.Rows {
		if !row.Agrees() {
			rows = append(rows, row)
		}
	}
	return rows
}

// ErrInterrupted ends a lab on SIGINT, SIGTERM or SIGHUP, after its containers are gone.
var ErrInterrupted = errors.New("interrupted")

// All returns the experiments, in the order of list.
func All() []*Experiment {
	list := make([]*Experiment, len(experiments))
	for i := range experiments {
		list[i] = &experiments[i]
	}
	return list
}

// Find returns the experiment of a name, or nil.
func Find(name string) *Experiment {
	for i := range experiments {
		if experiments[i].Name == name {
			return &experiments[i]
		}
	}
	return nil
}
