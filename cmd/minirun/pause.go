package main

import "flag"

var pauseVerb = verb{
	name: "pause", args: "ID", min: 1, max: 1,
	short: "stop all processes of a container for a while",
	help: `
It returns when all have stopped. When they do not within two seconds, because
one sleeps in the kernel where it cannot be interrupted, the container runs on
and the error names it.

Examples:
  minirun pause web
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, args []string) (int, error) {
			return 0, a.runtime().Pause(args[0])
		}
	},
}
