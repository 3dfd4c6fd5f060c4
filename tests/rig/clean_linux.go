package rig

import (
	"path/filepath"
	"sync"
)

// CheckClean reports and removes what is left now, in the middle of a test.
func (r *Rig) CheckClean(after string) {
	r.Helper()
	left := r.leaks()
	for _, l := range left {
		r.Errorf("%s: left behind: %s", after, l)
	}
	if len(left) > 0 {
		r.sweep()
	}
}

// buildFaulty builds, once a run, a minirun in which steps can be made to fail
// and phases to be its last (runtime/fault_injected.go).
var buildFaulty = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binDir, "minirun-faults")
	return path, Build(minirun, path, "-tags", "faults")
})

// Faulty makes that the rig's runtime.
func (r *Rig) Faulty() {
	r.Helper()
	path, err := buildFaulty()
	if err != nil {
		r.Fatal(err)
	}
	r.Runtime.Path = path
}
