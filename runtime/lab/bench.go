package lab

import (
	"errors"
	"fmt"
	"os"
	"time"

	"minirun/runtime/signals"
)

// A Bench is where one experiment is played. Its methods, and those of its
// containers, end the experiment when something does not work that is no
// answer of the kernel's: they panic with a broken, and play turns that into
// an error.
type Bench struct {
	Command []string // kill-1: the program to play it with, in place of the known ones
	runtime cmdline
	stop    chan os.Signal // readable when the user wants an end
	dir     string
	boxes   []*box
	rows    []Row
	witness *witness // of the first container
}

type broken struct{ err error }

type skip struct{ why string }

func (b *Bench) must(err error) {
	if err != nil {
		panic(broken{err})
	}
	select {
	case s := <-b.stop:
		select {
		case b.stop <- s: // for whoever asks next
		default:
		}
		panic(broken{ErrInterrupted})
	default:
	}
}

// skip ends the experiment because this host cannot play it.
func (b *Bench) skip(why string) { panic(skip{why}) }

// row notes an answer beside the one that the rule gives.
func (b *Bench) row(what string, want, got any, why ...string) {
	r := Row{What: what, Want: fmt.Sprint(want), Got: fmt.Sprint(got)}
	if len(why) > 0 {
		r.Why = why[0]
	}
	b.rows = append(b.rows, r)
}

// play plays an experiment and cleans up after it.
func (b *Bench) play(e *Experiment, keep bool) (r Result) {
	r.Experiment = e
	defer func() {
		r.Rows = b.rows
		if keep {
			r.Kept = b.dir
		} else if err := b.clean(); err != nil {
			r.Err, r.Kept = errors.Join(r.Err, err), b.dir
		}
		if b.witness != nil {
			r.Evidence = b.witness.testify()
		}
	}()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case broken:
			r.Err = p.err
		case skip:
			r.Skipped = p.why
		default:
			panic(p)
		}
	}()
	e.Play(b)
	return r
}

// predict is what the rule says of a signal that is sent by kill(2), in the words of fate.
func predict(task signals.Task, sig int, inside bool) (want, why string) {
	q := task.Question(sig, signals.Kill, inside)
	a := signals.Verdict(q)
	return fateOf(a, sig), a.Reason
}

// fateOf is an answer in the words of box.fate where it decides; where a
// handler or a waiter does, they are empty.
func fateOf(a signals.Answer, sig int) string {
	switch a.Action {
	case signals.Ignored, signals.Dropped, signals.Pending:
		return lives
	case signals.Fatal, signals.FatalCore:
		return killedBy(sig)
	case signals.Stop:
		return stopped
	}
	return ""
}

// The fates of a process.
const (
	lives   = "lives"
	stopped = "stopped"
)

func killedBy(sig int) string { return "killed by " + signals.Name(sig) }

func exited(code int) string { return fmt.Sprintf("exit %d", code) }

// ended is a wait status in the same words (wait(2): the signal in the low seven bits).
func ended(status int) string {
	if sig := status & 0x7f; sig != 0 {
		return killedBy(sig)
	}
	return exited(status >> 8)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// broke is an experiment that cannot go on.
func broke(why string) error { return errors.New(why) }
