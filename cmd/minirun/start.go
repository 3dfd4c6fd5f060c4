package main

import "flag"

var startVerb = verb{
	name: "start", args: "ID", min: 1, max: 1,
	short: "run the program of a created container",
	help: `
start returns when the program has been executed; when it cannot be, start says
why, and the container is stopped.

Examples:
  minirun create -b ./web web && minirun start web
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, args []string) (int, error) {
			return 0, a.runtime().Start(args[0])
		}
	},
}
