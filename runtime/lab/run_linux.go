package lab

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Options say how experiments are played.
type Options struct {
	Runtime string   // the executable
	Own     bool     // it is minirun
	Command []string // for kill-1: a program of the host's
	Keep    bool     // leave bundles and containers as the experiment left them
	// Tell hears of each result when it is there.
	Tell func(*Result) error
}

// Run plays experiments one after the other and returns how many the kernel
// answered otherwise than the rule says, or broke off. The error is for what is
// no matter of one experiment, and for an interruption.
func Run(list []*Experiment, o Options) (bad int, err error) {
	if err := adopt(); err != nil {
		return 0, err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(stop)
	defer func() {
		if !o.Keep {
			err = errors.Join(err, unadopt())
		}
	}()
	for _, e := range list {
		r, err := o.one(e, stop)
		if err != nil {
			return bad, err
		}
		if r.Err != nil || len(r.Differences()) > 0 {
			bad++
		}
		if err := o.Tell(r); err != nil {
			return bad, err
		}
		if errors.Is(r.Err, ErrInterrupted) {
			return bad, ErrInterrupted
		}
	}
	return bad, nil
}

func (o *Options) one(e *Experiment, stop chan os.Signal) (*Result, error) {
	if e.Own && !o.Own {
		return &Result{Experiment: e, Skipped: "needs verbs or flags that only minirun has"}, nil
	}
	dir, err := os.MkdirTemp("", "minirun-lab-")
	if err != nil {
		return nil, fmt.Errorf("make a place for %s: %w", e.Name, err)
	}
	b := &Bench{Command: o.Command, stop: stop, dir: dir,
		runtime: cmdline{path: o.Runtime, root: filepath.Join(dir, "root"), own: o.Own}}
	r := b.play(e, o.Keep)
	return &r, nil
}
