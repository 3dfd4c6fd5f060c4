package main

import "flag"

var resumeVerb = verb{
	name: "resume", args: "ID", min: 1, max: 1,
	short: "let a paused container run again",
	help: `
Examples:
  minirun resume web
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, args []string) (int, error) {
			return 0, a.runtime().Resume(args[0])
		}
	},
}
