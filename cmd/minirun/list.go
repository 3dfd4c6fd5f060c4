package main

import (
	"flag"
	"fmt"

	"minirun/runtime"
)

var listVerb = verb{
	name: "list", args: "", min: 0, max: 0,
	short: "list containers",
	help: `
Flags:
  -f, --format FORMAT   table or json (default table)
  -q, --quiet           print ids only

Examples:
  minirun list
  minirun list --format json
  minirun list -q | xargs -n1 minirun delete -f
`,
	setup: setupList,
}

func setupList(f *flag.FlagSet) action {
	format, quiet := "table", false
	stringFlag(f, &format, "format", "f")
	boolFlag(f, &quiet, "quiet", "q")
	return func(a *app, _ []string) (int, error) {
		if format != "table" && format != "json" {
			return 0, fmt.Errorf("unknown --format %q: want table or json", format)
		}
		states, err := a.runtime().List()
		if err != nil {
			return 0, err
		}
		return 0, a.print(listText(states, format, quiet))
	}
}

func listText(states []runtime.State, format string, quiet bool) []byte {
	switch {
	case quiet:
		var ids []byte
		for _, s := range states {
			ids = append(append(ids, s.ID...), '\n')
		}
		return ids
	case format == "json":
		return runtime.StatesJSON(states)
	}
	return runtime.StatesTable(states)
}
