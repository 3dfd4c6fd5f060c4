package runtime

import "time"

// A State is what state and list tell of a container, and hooks find on
// stdin: the State of runtime-spec, and runc's additions.
type State struct {
	OCIVersion  string
	ID          string
	Pid         int // 0 when stopped
	Status      Status
	Bundle      string
	Rootfs      string
	Created     time.Time
	Annotations map[string]string
	Owner       string // name of who created it, in list only
}

// State tells what a container is doing. It takes no lock.
func (rt *Runtime) State(id string) (State, error) {
	r, err := rt.Store.Load(id)
	if err != nil {
		return State{}, err
	}
	status, err := rt.Store.status(r)
	if err != nil {
		return State{}, err
	}
	return newState(r, status), nil
}

// newState is the State of a record. Without a process that could be
// signalled there is no pid: the number may be somebody else's by now.
func newState(r *Record, status Status) State {
	s := State{
		OCIVersion:  SpecVersion,
		ID:          r.ID,
		Pid:         r.Pid,
		Status:      status,
		Bundle:      r.Bundle,
		Rootfs:      r.Rootfs,
		Created:     r.Created,
		Annotations: r.Annotations,
	}
	if status == Stopped {
		s.Pid = 0
	}
	return s
}

// JSON is the state, indented, with runc's members in runc's order.
func (s State) JSON() []byte {
	w := jsonWriter{indent: "  "}
	s.append(&w)
	return append(w.buf, '\n')
}

func (s State) append(w *jsonWriter) {
	w.open('{')
	w.strField("ociVersion", s.OCIVersion)
	w.strField("id", s.ID)
	w.intField("pid", s.Pid)
	w.strField("status", string(s.Status))
	w.strField("bundle", s.Bundle)
	w.strField("rootfs", s.Rootfs)
	w.strField("created", timeText(s.Created))
	if len(s.Annotations) > 0 {
		w.mapField("annotations", s.Annotations)
	}
	w.strField("owner", s.Owner)
	w.close('}')
}
