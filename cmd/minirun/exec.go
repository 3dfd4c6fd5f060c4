package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"

	"minirun/runtime"
)

// exitExec is what exec exits with when the process could not be started; a
// process of its own may exit with it too.
const exitExec = 255

var execVerb = verb{
	name: "exec", args: "ID COMMAND [ARG...]", min: 1, max: 1 << 20, command: true,
	short: "run a further process in a container",
	help: `
The process is that of the container's config.json, with COMMAND for its
arguments, without a terminal, and as the flags change it; or, with --process,
what FILE says, and nothing else. It joins all namespaces and the cgroup of the
container. exec passes signals on to it and exits with its code, or with 128+N
when signal N has ended it, or with 255 when it could not be started.

A container that has stopped, is about to, or is paused takes no process, nor
does one whose cgroup is at its pids.max: on cgroup v2 the kernel sees to that;
on v1, where it lets a move into a cgroup pass the limit, exec does.

Processes that COMMAND leaves behind go to PID 1, and stay as zombies where that
does not wait for them. With --subreap a process of minirun's above COMMAND has
them; it takes one place of pids.max.

Flags:
  -p, --process FILE          process object, as in config.json, as JSON
  -d, --detach                return as soon as the program runs
      --pid-file FILE         write the pid of the process to FILE
      --console-socket PATH   send the terminal's master to this AF_UNIX socket
      --pidfd-socket PATH     send a pidfd of the process to this AF_UNIX socket
      --observe FILE          write the kernel's account of it to FILE (observe)
      --preserve-fds N        pass N file descriptors, from 3 on, to the process
      --cgroup [C:]PATH       cgroup below the container's, of controllers C
      --ignore-paused         start it also while paused; it runs after resume
      --subreap               adopt and reap what it orphans, and end with the
                              last of that; for a PID 1 that does not reap
  -t, --tty                   with a terminal
      --cwd DIR               working directory
  -e, --env NAME=VALUE        add to the environment; may be repeated
  -u, --user UID[:GID]        user, by numbers only
  -g, --additional-gids GID   add a group; may be repeated
  -c, --cap CAP               add a capability; may be repeated
      --no-new-privs          set no_new_privs
      --apparmor PROFILE      AppArmor profile; refused where AppArmor is off
      --process-label LABEL   SELinux label; refused where SELinux is off

Examples:
  minirun exec -t web sh
  minirun exec -u 1000:1000 --cwd /srv -e LANG=C web ./job --now
  minirun exec -d --process p.json --pid-file p.pid web
`,
	setup: setupExec,
}

func setupExec(f *flag.FlagSet) action {
	var o runtime.ExecOptions
	stringFlag(f, &o.Process, "process", "p")
	boolFlag(f, &o.Detach, "detach", "d")
	stringFlag(f, &o.PidFile, "pid-file", "")
	stringFlag(f, &o.ConsoleSocket, "console-socket", "")
	stringFlag(f, &o.PidfdSocket, "pidfd-socket", "")
	stringFlag(f, &o.Observe, "observe", "")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "")
	boolFlag(f, &o.IgnorePaused, "ignore-paused", "")
	boolFlag(f, &o.Subreap, "subreap", "")
	f.Var((*listFlag)(&o.Cgroups), "cgroup", "")
	defineProcess(f, &o)
	return func(a *app, args []string) (int, error) {
		o.ID, o.Args = args[0], args[1:]
		if err := checkExec(&o); err != nil {
			return exitExec, &runtime.ExecError{Err: err}
		}
		code, err := a.runtime().Exec(o)
		if err != nil {
			return exitExec, err
		}
		return code, nil
	}
}

// defineProcess defines the flags that change the process of config.json.
func defineProcess(f *flag.FlagSet, o *runtime.ExecOptions) {
	boolFlag(f, &o.Tty, "tty", "t")
	stringFlag(f, &o.Cwd, "cwd", "")
	bothVar(f, (*listFlag)(&o.Env), "env", "e")
	stringFlag(f, &o.User, "user", "u")
	bothVar(f, (*idsFlag)(&o.AdditionalGids), "additional-gids", "g")
	bothVar(f, (*listFlag)(&o.Caps), "cap", "c")
	stringFlag(f, &o.AppArmor, "apparmor", "")
	stringFlag(f, &o.ProcessLabel, "process-label", "")
	f.BoolFunc("no-new-privs", "", func(text string) error {
		on, err := strconv.ParseBool(text)
		o.NoNewPrivileges = &on
		return err
	})
}

func checkExec(o *runtime.ExecOptions) error {
	switch {
	case o.PreserveFDs < 0:
		return fmt.Errorf("--preserve-fds %d: want a number of descriptors", o.PreserveFDs)
	case o.Process == "" && len(o.Args) == 0:
		return errors.New("want a command to execute, or --process")
	}
	return nil
}

// listFlag collects the values of a flag that may be repeated.
type listFlag []string

func (l *listFlag) String() string { return "" }

func (l *listFlag) Set(text string) error {
	*l = append(*l, text)
	return nil
}

// idsFlag is listFlag for uids and gids.
type idsFlag []uint32

func (l *idsFlag) String() string { return "" }

func (l *idsFlag) Set(text string) error {
	id, err := runtime.ParseID(text)
	*l = append(*l, id)
	return err
}

func bothVar(f *flag.FlagSet, v flag.Value, name, letter string) {
	f.Var(v, name, "")
	f.Var(v, letter, "")
}
