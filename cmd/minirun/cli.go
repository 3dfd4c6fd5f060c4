package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	short    string // for the list of verbs
	help     string // what follows the usage line
	// setup defines the verb's flags and returns what to do once they are parsed.
	setup func(*flag.FlagSet) action
}

// An action carries out a verb and returns the exit code; an error without a
// code is exitFailure.
type action func(a *app, args []string) (code int, err error)

// An app is one invocation of minirun.
type app struct {
	stdin, stdout, stderr *os.File
	globals
	log    logger
	object string // what the verb is about, for its error message
}

// globals are the flags that stand before the verb.
type globals struct {
	root, logFile, logFormat, rootless string
	debug, systemdCgroup, version      bool
}

func (g *globals) define(f *flag.FlagSet) {
	f.StringVar(&g.root, "root", "", "")
	f.StringVar(&g.logFile, "log", "", "")
	f.StringVar(&g.logFormat, "log-format", "text", "")
	f.StringVar(&g.rootless, "rootless", "auto", "")
	f.BoolVar(&g.debug, "debug", false, "")
	f.BoolVar(&g.systemdCgroup, "systemd-cgroup", false, "")
	f.BoolVar(&g.version, "version", false, "")
	f.BoolVar(&g.version, "v", false, "")
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

// configure acts upon the global flags.
func (a *app) configure() (err error) {
	if a.logFormat != "text" && a.logFormat != "json" {
		return fmt.Errorf("unknown --log-format %q: want text or json", a.logFormat)
	}
	a.log.json, a.log.debugging = a.logFormat == "json", a.debug
	if a.logFile != "" {
		if err := a.log.open(a.logFile); err != nil {
			return err
		}
	}
	if a.root == "" {
		a.root = runtime.DefaultRoot(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR"))
	}
	if a.root, err = filepath.Abs(a.root); err != nil {
		return err
	}
	return a.refuseUnsupported()
}

func (a *app) refuseUnsupported() error {
	if a.systemdCgroup {
		return errors.New("--systemd-cgroup is not supported: minirun manages cgroups itself")
	}
	if a.rootless == "auto" {
		return nil
	}
	yes, err := strconv.ParseBool(a.rootless)
	if err != nil {
		return fmt.Errorf("unknown --rootless %q: want true, false or auto", a.rootless)
	}
	if yes {
		return errors.New("--rootless=true is not supported: minirun needs root")
	}
	return nil
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
	a.log.debug(fmt.Sprintf("%s took %v, exit code %d", strings.TrimSpace(v.name+" "+a.object), time.Since(start), code))
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.TrimSpace(v.name+" "+a.object), err)
	}
	return code, err
}

// count checks the number of arguments.
func (v *verb) count(args []string) error {
	for _, arg := range args[min(1, len(args)):] {
		if len(arg) > 1 && arg[0] == '-' {
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
	return &runtime.Runtime{Store: runtime.Store{Root: a.root}, Warn: a.log.warn}
}

// print writes to stdout, where a full disk or a closed pipe is an error.
func (a *app) print(text []byte) error {
	_, err := a.stdout.Write(text)
	return err
}
