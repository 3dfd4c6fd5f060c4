package main

import (
	"errors"
	"flag"
	"os"

	"golang.org/x/sys/unix"

	"minirun/runtime"
)

// exitUseless is the exit code of kill --check when nothing would come of the signal.
const exitUseless = 5

var killVerb = verb{
	name: "kill", args: "ID [SIGNAL]", min: 1, max: 2,
	short: "send a signal to a container",
	help: `
The signal goes to the init of the container. It is a number or a name, with or
without SIG: 15, TERM, sigterm, RTMIN+3 (default TERM). KILL also ends a paused
container, and all processes of one without a PID namespace of its own.

Flags:
  -a, --all   send it to every process of the container; a success also when
              the container has stopped
  --check     send nothing; say what would come of the signal, and exit with 5
              when nothing would
  --explain   say when nothing will come of the signal, and what to do instead;
              by itself where standard error is a terminal

Examples:
  minirun kill web          ask it to end
  minirun kill web KILL     end it
  minirun kill --all web 9  end it, and whatever it left behind
  minirun kill --check web || minirun stop --fast web
`,
	setup: setupKill,
}

// isTerminal reports whether a person reads the file.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func setupKill(f *flag.FlagSet) action {
	var all, check, explain bool
	boolFlag(f, &all, "all", "a")
	boolFlag(f, &check, "check", "")
	boolFlag(f, &explain, "explain", "")
	return func(a *app, args []string) (int, error) {
		name := "TERM"
		if len(args) == 2 {
			name = args[1]
		}
		sig, err := runtime.ParseSignal(name)
		if err != nil {
			return 0, err
		}
		switch {
		case check && all:
			return 0, errors.New("--check is about the init alone, not --all: see minirun signals --all")
		case check:
			return a.killCheck(args[0], sig)
		}
		warning := ""
		if explain || isTerminal(a.stderr) {
			warning = a.runtime().KillWarning(args[0], sig)
		}
		if err := a.runtime().Kill(args[0], sig, all); err != nil || warning == "" {
			return 0, err
		}
		a.log.warn(warning)
		return 0, nil
	}
}

func (a *app) killCheck(id string, sig unix.Signal) (int, error) {
	p, err := a.runtime().KillCheck(id, sig)
	if err != nil {
		return 0, err
	}
	code := exitOK
	if p.Useless {
		code = exitUseless
	}
	return code, a.print([]byte(p.Text() + "\n"))
}
