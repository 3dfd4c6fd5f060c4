package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"minirun/runtime"
	"minirun/runtime/stop"
)

// exitGaveUp is the exit code of a stop at the end of its limit, and of a wait
// at the end of its time: the container has not ended.
const exitGaveUp = 4

var stopVerb = verb{
	name: "stop", args: "ID", min: 1, max: 1,
	short: "end a container, gently first, and say what happens",
	help: `
The stop signal goes to PID 1; when the grace is over, SIGKILL ends everything.
What the kernel will do with the signal is predicted before it is sent. Each
rung is reported with the time since the beginning, who ended and how, what
holds things up, and last why the exit code is what it is.

stop succeeds when nothing is left, also of a container that had stopped
before; the container's directory stays, for delete. When something is left at
the end of the limit, it is named, and the exit code is 4.

Flags:
  --signal S        the stop signal (default: the annotation
                    org.opencontainers.image.stopSignal, or else TERM)
  -t, --time D      the grace: 5s, 1m30s, a number of seconds, or never, which
                    sends no SIGKILL (default 10s)
  --limit D         how long after SIGKILL to wait for the end (default 10s)
  --fast            no grace when nothing will come of the stop signal
  --observe FILE    write the kernel's account of it to FILE (see observe)
  --keep-exit       keep the exit record when the container is deleted: see wait
  --format FORMAT   text, or json: an object a line and event (default text)

Examples:
  minirun stop web
  minirun stop --fast --time 30s web
  minirun stop --signal QUIT --time never --format json web
`,
	setup: setupStop,
}

func setupStop(f *flag.FlagSet) action {
	var o runtime.StopOptions
	signal, grace, limit, format, keep := "", "10s", "10s", "text", false
	stringFlag(f, &signal, "signal", "")
	stringFlag(f, &grace, "time", "t")
	stringFlag(f, &limit, "limit", "")
	stringFlag(f, &format, "format", "")
	boolFlag(f, &o.Fast, "fast", "")
	stringFlag(f, &o.Observe, "observe", "")
	boolFlag(f, &keep, "keep-exit", "")
	return func(a *app, args []string) (int, error) {
		if err := stopFlags(&o, signal, grace, limit); err != nil {
			return 0, err
		}
		if err := checkFormat(format); err != nil {
			return 0, err
		}
		var failed error
		o.Tell = func(e runtime.StopEvent) {
			if err := a.print(eventText(e, format)); failed == nil {
				failed = err
			}
		}
		rt := a.runtime()
		rt.KeepExit = keep
		_, err := rt.Stop(args[0], o)
		if errors.Is(err, runtime.ErrGaveUp) {
			return exitGaveUp, err
		}
		return 0, errors.Join(err, failed)
	}
}

func stopFlags(o *runtime.StopOptions, signal, grace, limit string) (err error) {
	if signal != "" {
		if o.Signal, err = runtime.ParseSignal(signal); err == nil && o.Signal == 0 {
			err = errors.New("--signal 0: stops nothing")
		}
		if err != nil {
			return err
		}
	}
	if o.Grace, err = parseTime("--time", grace, stop.Never); err != nil {
		return err
	}
	if o.Limit, err = parseTime("--limit", limit, -1); err == nil && o.Limit < 0 {
		err = errors.New("--limit never: want a time")
	}
	return err
}

// parseTime reads a duration as Go writes it, a number of seconds, or never.
func parseTime(name, text string, never time.Duration) (time.Duration, error) {
	if text == "never" {
		return never, nil
	}
	d, err := time.ParseDuration(text)
	if seconds, e := strconv.ParseUint(text, 10, 31); e == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s %q: want a time such as 10, 10s or 1m30s, or never", name, text)
	}
	return d, nil
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("unknown --format %q: want text or json", format)
	}
	return nil
}

func eventText(e runtime.StopEvent, format string) []byte {
	if format == "json" {
		return append(e.JSON(), '\n')
	}
	return append([]byte(e.Line()), '\n')
}
