package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"minirun/runtime"
)

// Exit codes of minirun itself; they are runc's. run has its container's.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUnknownVerb = 3
)

// A verb is a row of the table in verbs.go.
type verb struct {
	name     string
	args     string // as in the usage line
	min, max int    // how many
	command  bool   // what follows the first is a command line, with flags of its own
	short    string // for the list of verbs
	help     string // what follows the usage line
	// setup defines the verb's flags and returns what to do once they are parsed.
	setup func(*flag.FlagSet) action
}

// An action carries out a verb and returns the exit code; an error without a
// code is exitFailure.
type action func(a *app, args []string) (code int, err error)

// errHelp is an action's wish to print its verb's help instead, where --help
// came after an argument.
var errHelp = errors.New("help")

// An app is one invocation of minirun.
type app struct {
	stdin, stdout, stderr *os.File
	globals
	log    logger
	object string // what the verb is about, for its error message
}

// cli is minirun: it returns the exit code.
func cli(args []string, stdin, stdout, stderr *os.File) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, log: logger{stderr: stderr}}
	code, err := a.main(args)
	if cerr := a.log.close(); err == nil {
		err = cerr
	}
	if err == nil {
		return code
	}
	a.log.error(err)
	if code == exitOK {
		code = exitFailure
	}
	return code
}

func (a *app) main(args []string) (int, error) {
	f := newFlags()
	a.globals.define(f)
	args, help, err := parse(f, args)
	switch {
	case err != nil:
		return 0, usageError(err, "minirun --help")
	case help:
		return 0, a.print(overview())
	case a.version:
		return 0, a.print(versionText())
	case len(args) == 0:
		return 0, a.print(overview())
	}
	if err := a.configure(); err != nil {
		return 0, err
	}
	if args[0] == "help" {
		return a.help(args[1:])
	}
	v := lookup(args[0])
	if v == nil {
		return exitUnknownVerb, usageError(fmt.Errorf("unknown verb %q", args[0]), "minirun --help")
	}
	return a.do(v, args[1:])
}

// do parses the flags of a verb and carries it out.
func (a *app) do(v *verb, args []string) (int, error) {
	start := time.Now()
	f := newFlags()
	act := v.setup(f)
	hint := "minirun " + v.name + " --help"
	args, help, err := parse(f, args)
	if help {
		return 0, a.print(v.text())
	}
	if err == nil {
		err = v.count(args)
	}
	if err != nil {
		return 0, usageError(fmt.Errorf("%s: %w", v.name, err), hint)
	}
	if len(args) > 0 {
		a.object = args[0]
	}
	code, err := act(a, args)
	if err == errHelp {
		return 0, a.print(v.text())
	}
	a.log.debug(fmt.Sprintf("%s took %v, exit code %d", strings.TrimSpace(v.name+" "+a.object), time.Since(start), code))
	if err != nil {
		err = a.about(v, err)
	}
	return code, err
}

// about says what could not be done. Engines show the words of a failed exec
// to their users as they are, and expect runc's.
func (a *app) about(v *verb, err error) error {
	if exec := (*runtime.ExecError)(nil); errors.As(err, &exec) {
		return err
	}
	return fmt.Errorf("%s: %w", strings.TrimSpace(v.name+" "+a.object), err)
}

// count checks the number of arguments.
func (v *verb) count(args []string) error {
	for _, arg := range args[min(1, len(args)):] {
		if len(arg) > 1 && arg[0] == '-' && !v.command {
			return fmt.Errorf("flags go before the arguments: %s", arg)
		}
	}
	if n := len(args); v.min <= n && n <= v.max {
		return nil
	}
	want := v.args
	if v.max == 0 {
		want = "no arguments"
	}
	return fmt.Errorf("want %s, got %d arguments", want, len(args))
}

func (a *app) runtime() *runtime.Runtime {
	return &runtime.Runtime{Store: runtime.Store{Root: a.root}, Warn: a.log.warn, Systemd: a.systemdCgroup, Rootless: a.rootlessMode,
		Annotations: a.annotations}
}

// print writes to stdout, where a full disk or a closed pipe is an error.
func (a *app) print(text []byte) error {
	_, err := a.stdout.Write(text)
	return err
}
