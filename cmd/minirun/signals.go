package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"

	"minirun/runtime/signals"
)

var signalsVerb = verb{
	name: "signals", args: "ID | --verdict SIGNAL...", min: 0, max: signals.Last,
	short: "say what a signal would do, and why",
	help: `
For each signal: what the process has arranged for it (dfl, ign or handler, and
whether it is blocked, awaited or read from a signalfd), and what the kernel
does with one that is sent from inside the container, from outside, or raised
by a fault of the process itself. Nothing is sent. kill(2) cannot tell: it
succeeds also when PID 1 ignores the signal.

Flags:
  --pid N           look at the process with pid N inside (default: the init)
  --all             look at every process of the container
  --format FORMAT   text, or json: an object a line and process (default text)
  --verdict         look at no container; answer by the rule for what these say:
  --target T        init or process (default init)
  --sender S        inside or outside the PID namespace (default outside)
  --how H           kill, sigqueue, kernel, timer, io or fault (default kill)
  --disposition D   dfl, ign or handler (default dfl)
  --blocked         the target blocks the signal
  --waiting         it waits for the signal in sigtimedwait
  --traced          it is traced
  --dying           it has begun to exit

Examples:
  minirun signals web
  minirun signals --pid 7 web
  minirun signals --verdict --target init --sender inside TERM KILL
`,
	setup: setupSignals,
}

func setupSignals(f *flag.FlagSet) action {
	var verdict, all bool
	var ask signals.Ask
	format, pid := "text", 0
	boolFlag(f, &verdict, "verdict", "")
	boolFlag(f, &all, "all", "")
	stringFlag(f, &format, "format", "")
	f.IntVar(&pid, "pid", 0, "")
	ask.Flags(f)
	return func(a *app, args []string) (int, error) {
		switch {
		case verdict:
			return 0, ask.Lines(a.stdout, args)
		case len(args) != 1:
			return 0, fmt.Errorf("want ID, got %d arguments", len(args))
		case all && pid != 0:
			return 0, errors.New("--all and --pid exclude each other")
		case format != "text" && format != "json":
			return 0, fmt.Errorf("unknown --format %q: want text or json", format)
		}
		tasks, err := a.signalTasks(args[0], pid, all)
		if err != nil {
			return 0, err
		}
		text, err := signalsText(tasks, format)
		if err != nil {
			return 0, err
		}
		return 0, a.print(text)
	}
}

func (a *app) signalTasks(id string, pid int, all bool) ([]signals.Task, error) {
	if all {
		return a.runtime().SignalsOfAll(id)
	}
	look := a.runtime().Signals
	if pid != 0 {
		look = func(id string) (signals.Task, error) { return a.runtime().SignalsOf(id, pid) }
	}
	task, err := look(id)
	return []signals.Task{task}, err
}

// signalsText is a table for each task or, as JSON, an object a line.
func signalsText(tasks []signals.Task, format string) ([]byte, error) {
	var text bytes.Buffer
	for i, task := range tasks {
		rows := signals.Explain(task)
		if format == "json" {
			text.Write(append(signals.AppendJSON(nil, task, rows), '\n'))
			continue
		}
		if i > 0 {
			text.WriteByte('\n')
		}
		if err := signals.WriteText(&text, task, rows); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}
