package session

import (
	"fmt"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
	"minirun/runtime/observe/proc"
	"minirun/runtime/observe/tracefs"
)

// Auto is the choice of the best source that there is.
const Auto = "auto"

// open opens the source of a choice: auto, or the name of one, and then no
// other will do. skipped are the better ones, a line each.
func open(choice string) (source observe.Source, skipped []string, err error) {
	sources := []struct {
		origin observe.Origin
		open   func() (observe.Source, error)
	}{{observe.BPF, openBPF}, {observe.Tracefs, tracefs.Open}, {observe.Proc, proc.Open}}
	var list []func() (observe.Source, error)
	for _, s := range sources {
		if choice == Auto || choice == s.origin.String() {
			list = append(list, s.open)
		}
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("unknown source %q: want auto, bpf, tracefs or proc", choice)
	}
	source, passed, err := observe.Open(list...)
	for _, u := range passed {
		skipped = append(skipped, u.Error())
	}
	return source, skipped, err
}

func openBPF() (observe.Source, error) { return helper.Open(helper.Options{}) }
