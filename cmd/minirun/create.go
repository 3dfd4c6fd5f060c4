package main

import (
	"flag"
	"fmt"

	"minirun/runtime"
)

var createVerb = verb{
	name: "create", args: "ID", min: 1, max: 1,
	short: "create a container and stop short of its program",
	help: `
The container is made after the config.json of the bundle: namespaces, mounts,
cgroups, hooks. Its program runs when start says so. The standard streams of
create become those of the container.

Flags:
` + bundleFlagHelp + createFlagsHelp + `
Examples:
  minirun create -b ./web web
  minirun create --bundle /b --pid-file /b/pid --console-socket /b/pty.sock c1
`,
	setup: setupCreate,
}

const bundleFlagHelp = `  -b, --bundle DIR        bundle: the directory with config.json (default .)
`

const createFlagsHelp = `  --console-socket PATH   send the terminal's master to this AF_UNIX socket
  --pidfd-socket PATH     send a pidfd of the container to this AF_UNIX socket
  --pid-file FILE         write the pid of the container to FILE
  --no-pivot              use MS_MOVE and chroot in place of pivot_root
  --no-new-keyring        keep the caller's session keyring
  --preserve-fds N        pass N file descriptors, from 3 on, to the container
` + observeFlagHelp + `  --init                  PID 1 is an init, which starts the program, passes
                          signals on to it and reaps orphans
  --init-forward WHO      signals go to child (default), its group, or all
  --init-wait WHOM        end when the main program has ended, or (default) when
                          all have, whom the stop signal is sent then
  --init-grace DURATION   give these so much time (default 5s), or never kill
  --init-exit-map C:C,…   exit with the second code in place of the first
`

func setupCreate(f *flag.FlagSet) action {
	var o runtime.CreateOptions
	defineBundle(f, &o.BundleDir)
	defineCreate(f, &o)
	return func(a *app, args []string) (int, error) {
		o.ID = args[0]
		if err := complete(&o); err != nil {
			return 0, err
		}
		return 0, a.runtime().Create(o)
	}
}

func defineBundle(f *flag.FlagSet, dir *string) {
	stringFlag(f, dir, "bundle", "b")
}

func defineCreate(f *flag.FlagSet, o *runtime.CreateOptions) {
	stringFlag(f, &o.ConsoleSocket, "console-socket", "")
	stringFlag(f, &o.PidfdSocket, "pidfd-socket", "")
	stringFlag(f, &o.PidFile, "pid-file", "")
	boolFlag(f, &o.NoPivot, "no-pivot", "")
	boolFlag(f, &o.NoNewKeyring, "no-new-keyring", "")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "")
	stringFlag(f, &o.Observe, "observe", "")
	boolFlag(f, &o.Init.On, "init", "")
	stringFlag(f, &o.Init.Forward, "init-forward", "")
	stringFlag(f, &o.Init.Wait, "init-wait", "")
	stringFlag(f, &o.Init.Grace, "init-grace", "")
	stringFlag(f, &o.Init.ExitMap, "init-exit-map", "")
}

// complete checks the flags and fills in the default bundle.
func complete(o *runtime.CreateOptions) error {
	if o.BundleDir == "" {
		o.BundleDir = "."
	}
	if o.PreserveFDs < 0 {
		return fmt.Errorf("--preserve-fds %d: want a number of descriptors", o.PreserveFDs)
	}
	return nil
}
