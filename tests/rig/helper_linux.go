package rig

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// helperEnv names the part that a copy of the test program plays.
const helperEnv = "RIG_HELPER"

// Helper plays the part that the environment names, and does not return then.
func Helper() {
	part := os.Getenv(helperEnv)
	if part == "" {
		return
	}
	os.Unsetenv(helperEnv)
	var err error
	switch part {
	case "deaf":
		err = deaf()
	default:
		err = fmt.Errorf("unknown part %q", part)
	}
	fmt.Fprintln(os.Stderr, "helper:", err)
	os.Exit(125)
}

// deaf executes its arguments as a careless caller would: HUP, INT, QUIT and
// PIPE ignored (nohup, a background job, a server), TERM blocked.
func deaf() error {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGPIPE)
	runtime.LockOSThread()
	set := unix.Sigset_t{}
	set.Val[0] = 1 << (unix.SIGTERM - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return err
	}
	return unix.Exec(os.Args[1], os.Args[1:], os.Environ())
}
