package runtime

// A Status is what a container is doing, in the words of the runtime-spec.
type Status string

// The statuses of the runtime-spec, and paused, which every engine knows.
const (
	Creating Status = "creating"
	Created  Status = "created"
	Running  Status = "running"
	Paused   Status = "paused"
	Stopped  Status = "stopped"
)

// An Observation is what the kernel says about the process of a record at one
// moment. The zero value is a process that is gone.
type Observation struct {
	Exists bool // a process has the record's pid, start time, boot and PID namespace
	Ended  bool // its pidfd is readable: the whole thread group has exited
	Image  bool // its executable is still the image, which waits to be started
	Frozen bool // its cgroup is frozen
	Locked bool // somebody holds the container's lock; only looked at while Record.Creating
}

// alive says that something of the container's process is left. A leader in
// state Z is not proof of the opposite: another thread of init can sit in
// zap_pid_ns_processes, for as long as a process of the namespace does not die.
// Its pidfd becomes readable when the last thread is done (kernel/exit.c,
// exit_notify), which for the init of a PID namespace is after the zap.
func (o Observation) alive() bool { return o.Exists && !o.Ended }

// statusOf derives what a container is doing.
func statusOf(r *Record, o Observation) Status {
	switch {
	case (r.Creating || r.Pid == 0) && (o.alive() || o.Locked):
		return Creating
	case !o.alive():
		return Stopped
	case o.Frozen:
		return Paused
	case o.Image:
		return Created
	}
	return Running
}

// An action is a verb whose legality depends on the status.
type action int

const (
	actStart action = iota
	actKill
	actKillAll
	actDelete
	actDeleteForce
	actExec
	actPause
	actResume
)

// refuse is the one table of what a status permits: nil, or why not.
//
//	             creating     created  running     paused      stopped
//	start        ErrCreating  -        ErrRunning  ErrRunning  ErrStopped
//	kill         ErrCreating  -        -           -           ErrNotRunning
//	kill --all   ErrCreating  -        -           -           -
//	delete       -            -        NotStopped  NotStopped  -
//	delete -f    -            -        -           -           -
//	exec         ErrCreating  -        -           ExecPaused  ExecStopped
//	pause        ErrCreating  -        -           NotRunning  NotRunning
//	resume       ErrCreating  NotPaused NotPaused  -           NotPaused
//
// Three cells are policy. kill --all of a stopped container succeeds, because
// containerd's CRI sends it before every delete. delete ends a created
// container, as runc and crun do and containerd needs, where the spec wants an
// error. delete of a container that is being created is legal because delete
// holds the lock by then: its create is dead, and these are the remains.
func refuse(a action, s Status, id string) error {
	switch a {
	case actStart:
		return refuseStart(s)
	case actKill, actKillAll:
		return refuseKill(s, a == actKillAll)
	case actDelete:
		if s == Running || s == Paused {
			return &NotStoppedError{id, s}
		}
	case actExec:
		return refuseExec(s)
	case actPause, actResume:
		return refuseFreeze(s, a == actPause)
	}
	return nil
}

func refuseExec(s Status) error {
	switch s {
	case Creating:
		return ErrCreating
	case Paused:
		return ErrExecPaused
	case Stopped:
		return ErrExecStopped
	}
	return nil
}

func refuseFreeze(s Status, pause bool) error {
	switch {
	case s == Creating:
		return ErrCreating
	case pause && s != Created && s != Running:
		return ErrNotRunning
	case !pause && s != Paused:
		return ErrNotPaused
	}
	return nil
}

func refuseStart(s Status) error {
	switch s {
	case Created:
		return nil
	case Stopped:
		return ErrStopped
	case Creating:
		return ErrCreating
	}
	return ErrRunning
}

func refuseKill(s Status, all bool) error {
	switch {
	case s == Creating:
		return ErrCreating
	case s == Stopped && !all:
		return ErrNotRunning
	}
	return nil
}
