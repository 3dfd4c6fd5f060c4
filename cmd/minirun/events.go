package main

import (
	"flag"
	"fmt"
	"time"
)

var eventsVerb = verb{
	name: "events", args: "ID", min: 1, max: 1,
	short: "print the counters of a container, and its out-of-memory kills",
	help: `
A JSON object a line: {"type":"stats",…} at every interval, {"type":"oom",…}
when the kernel has killed a process of the container for want of memory. It
ends with the container, and when nobody reads its output any more.

Flags:
  --interval D   time between two stats, such as 500ms or 10s (default 5s)
  --stats        print stats once, and return

Examples:
  minirun events --stats web
  minirun events --interval 1s web
`,
	setup: setupEvents,
}

func setupEvents(f *flag.FlagSet) action {
	interval, once := 5*time.Second, false
	f.DurationVar(&interval, "interval", interval, "")
	boolFlag(f, &once, "stats", "")
	return func(a *app, args []string) (int, error) {
		if interval <= 0 {
			return 0, fmt.Errorf("--interval %v: want more than nothing", interval)
		}
		if !once {
			return 0, a.runtime().Events(args[0], interval, int(a.stdout.Fd()), a.print)
		}
		text, err := a.runtime().Stats(args[0])
		if err != nil {
			return 0, err
		}
		return 0, a.print(text)
	}
}
