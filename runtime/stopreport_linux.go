package runtime

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe/proc"
	"minirun/runtime/observe/session"
	"minirun/runtime/signals"
)

const askingFile = "asked.json" // in the container's directory: an asking

// reportStop begins a rung of the timeline that StopAnnotation asks for, and
// the timeline with the first. What goes wrong is no reason not to kill.
func (rt *Runtime) reportStop(p *initProc, sig unix.Signal) {
	file := reportFile(p.r.Annotations[StopAnnotation], p.r.ID, p.r.Bundle)
	if file == "" || !p.seen.alive() || !asksToEnd(sig, p.r.Annotations) {
		return
	}
	if err := rt.askReported(p, sig, file); err != nil {
		rt.warn(fmt.Sprintf("annotation %s: %v", StopAnnotation, err))
	}
}

func (rt *Runtime) askReported(p *initProc, sig unix.Signal, file string) error {
	d, err := openDir(rt.Store.dir(p.r.ID))
	if err != nil {
		return ignore(err, unix.ENOENT)
	}
	defer d.release()
	text, err := readFileAt(d.fd, askingFile)
	if err != nil && err != unix.ENOENT {
		return err
	}
	var before asking
	if err == nil {
		before, err = decodeAsking(text)
	} else {
		err = rt.observeEnding(p, file)
	}
	if err != nil {
		return err
	}
	now, err := p.asked(sig)
	if err == ErrNotRunning {
		return nil
	}
	if err != nil {
		return err
	}
	p.rung(p.verb+": "+signals.Name(int(sig)), now.words(before), true)
	return d.jot(askingFile, now.encode())
}

// observeEnding starts an observer that ends with the container.
func (rt *Runtime) observeEnding(p *initProc, file string) error {
	o, err := rt.startObserver(file, p.r.ID, false)
	if err != nil {
		return err
	}
	err = errors.Join(rt.observeVerb(o, p), o.Leave())
	if err == nil {
		p.told.Close()
		p.told = session.Dial(rt.Store.dir(p.r.ID))
	}
	return err
}

// asked judges a signal before it is sent.
func (p *initProc) asked(sig unix.Signal) (asking, error) {
	task, err := p.signals()
	if err != nil {
		return asking{}, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return asking{}, fmt.Errorf("clock_gettime: %w", err)
	}
	v := signals.Verdict(task.Question(int(sig), signals.Kill, false))
	return asking{int(sig), time.Duration(now.Nano()), v.Reason, v.Useless()}, nil
}

// rung begins a section of the timelines of those who observe, with a census
// if anybody is there: who, in which state, and where it sleeps.
func (p *initProc) rung(title, text string, census bool) {
	if !p.told.Heard() {
		return
	}
	p.told.Rung(title)
	p.told.Say(text)
	if census {
		p.told.Tell(proc.Namespace{Inode: p.r.PidNS, Level: 1}.Census())
	}
}
