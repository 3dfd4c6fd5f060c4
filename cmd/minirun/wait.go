package main

import (
	"errors"
	"flag"
	"fmt"

	"minirun/runtime"
)

var waitVerb = verb{
	name: "wait", args: "ID", min: 1, max: 1,
	short: "wait for the end of a container, and exit as it did",
	help: `
wait prints the exit code of the container and exits with it, or with 128+N when
signal N has ended it. It need not be minirun that has started or reaps the
container. A container that was deleted with --keep-exit is known to wait until
another one of its id is deleted, or until delete --force of the id.

Flags:
  -t, --time D      how long to wait: 5s, 1m30s, a number of seconds, or never,
                    which is no limit (default never); 4 is the exit code when
                    the container has not ended by then
  --format FORMAT   text, or json: the whole exit record, with the reason, the
                    times, and what was counted in the cgroup (default text)

Examples:
  minirun wait web
  minirun wait --time 1m --format json web
`,
	setup: setupWait,
}

func setupWait(f *flag.FlagSet) action {
	limit, format := "never", "text"
	stringFlag(f, &limit, "time", "t")
	stringFlag(f, &format, "format", "")
	return func(a *app, args []string) (int, error) {
		d, err := parseTime("--time", limit, runtime.WaitForever)
		if err == nil {
			err = checkFormat(format)
		}
		if err != nil {
			return 0, err
		}
		e, err := a.runtime().Wait(args[0], d)
		if errors.Is(err, runtime.ErrStillRuns) {
			return exitGaveUp, err
		}
		if err != nil {
			return 0, err
		}
		return e.Code(), a.print(exitText(e, format))
	}
}

func exitText(e *runtime.ExitRecord, format string) []byte {
	if format == "json" {
		return e.JSON("  ")
	}
	return fmt.Appendln(nil, e.Code())
}
