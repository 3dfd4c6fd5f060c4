package runtime

import "github.com/opencontainers/runtime-spec/specs-go"

// A listenerState is the Container Process State of runtime-spec, by which the
// agent behind linux.seccomp.listenerPath learns whose system calls the
// descriptor that comes with it is about.
type listenerState struct {
	Pid      int // of the process with the filter
	Metadata string
	State    State
}

// stateOfListener is that of a container, as runtime-spec has it: pids are
// those of minirun's PID namespace.
func stateOfListener(r *Record, status Status, pid int) *listenerState {
	s := &listenerState{Pid: pid, Metadata: r.ListenerMetadata, State: newState(r, status)}
	s.State.Pid = r.Pid
	return s
}

// JSON is one object; the descriptor beside it is the only one in fds.
func (s *listenerState) JSON() []byte {
	var w jsonWriter
	w.open('{')
	w.strField("ociVersion", SpecVersion)
	w.listField("fds", []string{specs.SeccompFdName})
	w.intField("pid", s.Pid)
	if s.Metadata != "" {
		w.strField("metadata", s.Metadata)
	}
	w.key("state")
	s.State.append(&w)
	w.close('}')
	return w.buf
}
