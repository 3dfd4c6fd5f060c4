package main

import "flag"

var stateVerb = verb{
	name: "state", args: "ID", min: 1, max: 1,
	short: "print what a container is doing, as JSON",
	help: `
The status is creating, created, running, paused or stopped. It is looked up,
not remembered: a container is stopped when the last thread of its init has
ended, and not before. A stopped container has pid 0.

Examples:
  minirun state web
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, args []string) (int, error) {
			s, err := a.runtime().State(args[0])
			if err != nil {
				return 0, err
			}
			return 0, a.print(s.JSON())
		}
	},
}
