package main

import (
	"errors"
	"flag"
	"fmt"

	"minirun/runtime"
)

var psVerb = verb{
	name: "ps", args: "ID [PS-OPTION...]", min: 1, max: 1 << 20, command: true,
	short: "list the processes of a container",
	help: `
The table is what ps(1) of the host prints of them, with PS-OPTIONs (default
-ef); json is the list of their pids on the host. --wide and --tree are
minirun's own: pid inside and on the host, parent, state, threads, the kernel
function it waits in, what it has arranged for signals, and of a zombie, whose
it is: who should wait for it and does not, and for how long; "at least", where
its CPU's clock has lost time, to interrupts, a hypervisor or a suspend; "at
most", where it had threads, that CPU is off-line or not ours, or the kernel has
no /proc/PID/sched. Below stands how many tasks there are of how many that may
be (pids.max), and how many forks that has refused.

Flags:
  -f, --format FORMAT   table or json (default table)
  --wide                all that minirun can tell
  --tree                the same, each process below its parent

Examples:
  minirun ps web
  minirun ps --format json web
  minirun ps web -o pid,rss,args
  minirun ps --tree web
`,
	setup: setupPs,
}

func setupPs(f *flag.FlagSet) action {
	format := "table"
	var wide, tree bool
	stringFlag(f, &format, "format", "f")
	boolFlag(f, &wide, "wide", "")
	boolFlag(f, &tree, "tree", "")
	return func(a *app, args []string) (int, error) {
		if format != "table" && format != "json" {
			return 0, fmt.Errorf("unknown --format %q: want table or json", format)
		}
		id, options := args[0], args[1:]
		switch {
		case format == "json":
			return 0, a.psJSON(id)
		case wide || tree:
			return 0, errors.Join(a.psWide(id, tree), a.psTasks(id))
		case len(options) == 0:
			options = []string{"-ef"}
		}
		text, err := a.runtime().HostPs(id, options)
		if errors.Is(err, runtime.ErrNoPs) {
			return 0, a.psWide(id, false)
		}
		if err != nil {
			return 0, err
		}
		return 0, a.print(text)
	}
}

func (a *app) psJSON(id string) error {
	pids, err := a.runtime().Pids(id)
	if err != nil {
		return err
	}
	return a.print(runtime.PidsJSON(pids))
}

func (a *app) psWide(id string, tree bool) error {
	all, err := a.runtime().Ps(id)
	if err != nil {
		return err
	}
	return a.print(runtime.PsWide(all, tree))
}

func (a *app) psTasks(id string) error {
	text, err := a.runtime().Tasks(id)
	if err != nil || text == "" {
		return err
	}
	return a.print([]byte(text + "\n"))
}
