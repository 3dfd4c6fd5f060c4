package runtime

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"minirun/runtime/signals"
)

// Signals looks at what the init of a container does with signals. The
// errors are ErrNotExist, ErrNotRunning, or those of system calls.
func (rt *Runtime) Signals(id string) (signals.Task, error) {
	p, err := rt.openAlive(id)
	if err != nil {
		return signals.Task{}, err
	}
	defer p.close()
	return p.signals()
}

// SignalsOf looks at the process that has a pid inside the container.
func (rt *Runtime) SignalsOf(id string, inside int) (signals.Task, error) {
	all, err := rt.SignalsOfAll(id)
	if err != nil {
		return signals.Task{}, err
	}
	level := len(all[0].NSpid) - 1 // of the container's PID namespace; some may live in one of their own below it
	for _, task := range all {
		if len(task.NSpid) > level && task.NSpid[level] == inside {
			return task, nil
		}
	}
	return signals.Task{}, fmt.Errorf("no process has pid %d in the container", inside)
}

// SignalsOfAll looks at every process in the container's cgroup, the init first.
func (rt *Runtime) SignalsOfAll(id string) ([]signals.Task, error) {
	p, err := rt.openAlive(id)
	if err != nil {
		return nil, err
	}
	defer p.close()
	init, err := p.signals()
	if err != nil {
		return nil, err
	}
	pids, err := members(p.r)
	all := []signals.Task{init}
	for _, pid := range pids {
		if pid == p.r.Pid {
			continue
		}
		task, err := signals.Read(procPath(pid))
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, task)
	}
	return all, err
}

// openAlive opens the init of a container that is not stopped.
func (rt *Runtime) openAlive(id string) (*initProc, error) {
	r, err := rt.Store.Load(id)
	if err != nil {
		return nil, err
	}
	p, err := openInit(r)
	if err == nil && !p.seen.alive() {
		p.close()
		return nil, ErrNotRunning
	}
	return p, err
}

// signals reads the init's dispositions. If it has not ended afterwards, they were its own.
func (p *initProc) signals() (signals.Task, error) {
	task, err := signals.Read(procPath(p.r.Pid))
	if errors.Is(err, unix.ESRCH) {
		return task, ErrNotRunning
	}
	if err == nil {
		err = p.checkEnded()
	}
	if err == nil && !p.seen.alive() {
		err = ErrNotRunning
	}
	return task, err
}
