package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"

	"minirun/runtime/lab"
)

// exitInterrupted is what a shell says of a program that SIGINT ended.
const exitInterrupted = 130

var labVerb = verb{
	name: "lab", args: "list | run NAME...|all [-- COMMAND...]", min: 1, max: 1 << 20, command: true,
	short: "ask this kernel about PID 1, by experiment",
	help: `
Each experiment makes real containers, without an image and without a network,
and compares what the kernel does with what the rule says. A line that differs
is marked with !, and then the exit code is 1. lab list has the experiments.

kill-1 -- COMMAND plays that experiment with a program of this host, in a
container that has the host's own files, read-only.

Flags:
  --keep            leave the bundles and containers as they are at the end
  --format FORMAT   text, or json: an object a line and result (default text)
  --runtime PATH    play against another OCI runtime (default: this minirun);
                    what needs flags or verbs of minirun's own is skipped

Examples:
  minirun lab list
  minirun lab run kill-1 zombies
  minirun lab run kill-1 -- python3 -m http.server
  minirun lab run --runtime /usr/bin/runc all
`,
	setup: setupLab,
}

func setupLab(f *flag.FlagSet) action {
	var o lab.Options
	format := "text"
	boolFlag(f, &o.Keep, "keep", "")
	stringFlag(f, &format, "format", "")
	stringFlag(f, &o.Runtime, "runtime", "")
	return func(a *app, args []string) (int, error) {
		switch {
		case args[0] == "list" && len(args) == 1:
			return 0, a.print(labList())
		case args[0] != "run":
			return 0, usageError(errors.New("want list, or run NAME...|all"), "minirun lab --help")
		}
		list, err := labArguments(f, args[1:], &o)
		if err == errHelp {
			return 0, err
		}
		if err == nil {
			err = checkFormat(format)
		}
		if err == nil && os.Geteuid() != 0 {
			return 0, errors.New("experiments make containers, which needs root")
		}
		if err != nil {
			return 0, usageError(err, "minirun lab --help")
		}
		o.Tell = func(r *lab.Result) error { return a.print(resultText(r, format)) }
		bad, err := lab.Run(list, o)
		return labCode(bad, len(list), err)
	}
}

func labList() (text []byte) {
	for _, e := range lab.All() {
		text = fmt.Appendf(text, "%-13s %s\n", e.Name, e.Question)
	}
	return text
}

// labArguments reads what follows run: names and flags in any order, and after
// -- a command.
func labArguments(f *flag.FlagSet, args []string, o *lab.Options) ([]*lab.Experiment, error) {
	if i := slices.Index(args, "--"); i >= 0 {
		args, o.Command = args[:i], args[i+1:]
	}
	names, err := labNames(f, args)
	if err != nil {
		return nil, err
	}
	if o.Own = o.Runtime == ""; o.Own {
		o.Runtime, err = os.Executable()
	} else {
		o.Runtime, err = lab.FindRuntime(o.Runtime)
	}
	if err != nil {
		return nil, err
	}
	return experimentsNamed(names, o.Command)
}

// labNames are the arguments between the flags.
func labNames(f *flag.FlagSet, args []string) (names []string, err error) {
	for len(args) > 0 {
		rest, help, err := parse(f, args)
		if err != nil {
			return nil, err
		}
		if help {
			return nil, errHelp
		}
		if len(rest) == 0 {
			break
		}
		names, args = append(names, rest[0]), rest[1:]
	}
	if len(names) == 0 {
		return nil, errors.New("want the NAME of an experiment, or all")
	}
	return names, nil
}

func experimentsNamed(names, command []string) ([]*lab.Experiment, error) {
	if len(command) > 0 && !slices.Equal(names, []string{"kill-1"}) {
		return nil, errors.New("only kill-1 takes a command")
	}
	if slices.Equal(names, []string{"all"}) {
		return lab.All(), nil
	}
	list := make([]*lab.Experiment, len(names))
	for i, name := range names {
		if list[i] = lab.Find(name); list[i] == nil {
			return nil, fmt.Errorf("unknown experiment %q: see minirun lab list", name)
		}
	}
	return list, nil
}

func resultText(r *lab.Result, format string) []byte {
	if format == "json" {
		return append(r.AppendJSON(nil), '\n')
	}
	return r.AppendText(nil)
}

func labCode(bad, all int, err error) (int, error) {
	switch {
	case errors.Is(err, lab.ErrInterrupted):
		return exitInterrupted, err
	case err != nil:
		return exitFailure, err
	case bad > 0:
		return exitFailure, fmt.Errorf("%d of %d experiments came out otherwise than the rule says", bad, all)
	}
	return exitOK, nil
}
