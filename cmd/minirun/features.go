package main

import (
	"flag"

	"minirun/runtime"
)

var featuresVerb = verb{
	name: "features", args: "", min: 0, max: 0,
	short: "print what minirun supports, as JSON",
	help: `
The output is the features structure of runtime-spec.

Examples:
  minirun features
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, _ []string) (int, error) {
			v, _ := versions()
			return 0, a.print(runtime.Features(v))
		}
	},
}
