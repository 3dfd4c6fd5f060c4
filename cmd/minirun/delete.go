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
  --keep-exit   keep how it has ended, for wait

Examples:
  minirun delete web
  minirun delete -f web
`,
	setup: setupDelete,
}

func setupDelete(f *flag.FlagSet) action {
	var force, keep bool
	boolFlag(f, &force, "force", "f")
	boolFlag(f, &keep, "keep-exit", "")
	return func(a *app, args []string) (int, error) {
		rt := a.runtime()
		rt.KeepExit = keep
		return 0, rt.Delete(args[0], force)
	}
}
