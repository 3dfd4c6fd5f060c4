// Package runtime is a container's life: one file a verb, the state that is
// kept between two verbs, and the one table that says what may follow what.
//
// What is stored are facts: a pid, its start time, a boot id, cgroup paths.
// What a container is doing is never stored; it is derived from the record and
// a look at the kernel (status.go, look_linux.go), so that there is nothing to
// go stale.
package runtime

import "github.com/opencontainers/runtime-spec/specs-go"

// SpecVersion is the version of the runtime-spec that minirun implements.
const SpecVersion = "1.3.0"

// A Runtime carries out verbs on the containers of one Store.
type Runtime struct {
	Store Store
	// Warn hears of what went wrong without making the verb fail, in one line
	// without a newline. Nil is deaf.
	Warn func(msg string)
	// Systemd makes the container's cgroup a transient scope of systemd's, and
	// cgroupsPath is read as "slice:prefix:name".
	Systemd bool
	// Rootless says whether a container may go without a cgroup where this user
	// may not make one; nil is yes for whoever is not root on the host.
	Rootless *bool
	// Annotations are those of containers whose config.json has none of that name.
	Annotations map[string]string
	// KeepExit lets the exit record outlive a container that is removed, for wait.
	KeepExit bool
}

func (rt *Runtime) warn(msg string) {
	if rt.Warn != nil {
		rt.Warn(msg)
	}
}

// annotate gives a container the annotations that it lacks.
func (rt *Runtime) annotate(s *specs.Spec) {
	if len(rt.Annotations) > 0 && s.Annotations == nil {
		s.Annotations = make(map[string]string, len(rt.Annotations))
	}
	for key, value := range rt.Annotations {
		if _, ok := s.Annotations[key]; !ok {
			s.Annotations[key] = value
		}
	}
}
