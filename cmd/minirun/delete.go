package main

import "flag"

var deleteVerb = verb{
	name: "delete", args: "ID", min: 1, max: 1,
	short: "remove a container that has stopped",
	help: `
What is removed is what create made: cgroups, state, and a process that was
created and never started. Then the poststop hooks run.

Flags:
  -f, --force   end the container first if it is alive; a success also when
                there is no such container

Examples:
  minirun delete web
  minirun delete -f web
`,
	setup: setupDelete,
}

func setupDelete(f *flag.FlagSet) action {
	var force bool
	boolFlag(f, &force, "force", "f")
	return func(a *app, args []string) (int, error) {
		return 0, a.runtime().Delete(args[0], force)
	}
}
