package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"

	"minirun/runtime"
)

var runVerb = verb{
	name: "run", args: "BUNDLE | ID", min: 1, max: 1,
	short: "create a container, start it, and wait for its end",
	help: `
An argument with a slash in it, or one that is a directory with a config.json,
is a bundle, which runs under an id made of its name. Any other is an id, of a
container after the bundle of -b or else of the current directory.

run passes signals on to the container, deletes it when it has ended, and exits
with its code, or with 128+N when signal N has ended it.

A SIGKILL of minirun cannot be passed on: the container lives on. With
--die-with-parent the kernel ends it then, and delete removes what is left.
The kernel makes an exception of a program with the set-user-ID bit or with
capabilities in its file, but not of the same below --init.

Flags:
` + bundleFlagHelp + createFlagsHelp + `  -d, --detach            return as soon as the program runs
  --die-with-parent       the container ends when minirun does, by SIGKILL too,
                          or when the process that has called minirun does
  --keep                  do not delete the container at its end
  --keep-exit             delete it, and keep how it has ended, for wait
  --no-subreaper          do not adopt orphans of the container

Examples:
  minirun run ./web                      the bundle in ./web, as web
  minirun run -b ./web web-2             the same bundle, as web-2
  minirun run -d --pid-file web.pid ./web
`,
	setup: setupRun,
}

func setupRun(f *flag.FlagSet) action {
	var o runtime.RunOptions
	defineBundle(f, &o.BundleDir)
	defineCreate(f, &o.CreateOptions)
	boolFlag(f, &o.Detach, "detach", "d")
	boolFlag(f, &o.DieWithParent, "die-with-parent", "")
	boolFlag(f, &o.Keep, "keep", "")
	keepExit := false
	boolFlag(f, &keepExit, "keep-exit", "")
	boolFlag(f, &o.NoSubreaper, "no-subreaper", "")
	return func(a *app, args []string) (int, error) {
		o.ID = args[0]
		if o.BundleDir == "" && namesBundle(args[0], hasConfig) {
			o.BundleDir, o.ID = args[0], idOf(absolute(args[0]))
			a.object = o.ID
		}
		if err := complete(&o.CreateOptions); err != nil {
			return 0, err
		}
		rt := a.runtime()
		rt.KeepExit = keepExit
		return rt.Run(o)
	}
}

// namesBundle tells minirun run BUNDLE from runc's run ID. Where the name of a
// directory is also a legal id and the current directory is a bundle, runc's
// reading wins, so that its users find what they know.
func namesBundle(arg string, hasConfig func(dir string) bool) bool {
	return strings.Contains(arg, "/") || hasConfig(arg) && (arg == "." || !hasConfig("."))
}

func hasConfig(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "config.json"))
	return err == nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// idOf makes an id of the name of a bundle's directory, with a "-" for what
// an id must not hold.
func idOf(bundle string) string {
	id := []byte(filepath.Base(bundle))
	for i, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '_', c == '+', c == '-', c == '.' && i > 0:
		default:
			id[i] = '-'
		}
	}
	return string(id)
}
