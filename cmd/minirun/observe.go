package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"minirun/runtime"
	"minirun/runtime/observe"
	"minirun/runtime/observe/session"
)

var observeVerb = verb{
	name: "observe", args: "ID", min: 1, max: 1,
	short: "tell what the kernel does with a container, in one timeline",
	help: `
From now to the end of the container, or to ^C: every fork, execve and exit
with its code, every signal with the kernel's verdict and its reason, who killed
whom, orphans and zombies, and between these what minirun's verbs do to the
container meanwhile. Times are the kernel's, in nanoseconds. Text and json are
written while it happens: a line waits until nothing can change what it says,
250 ms at most, and what comes of a signal later has a line of its own.

The source is the best that there is: eBPF by minirun-observe, else a private
instance of tracefs, else pidfds and /proc, which see no signals; what becomes
of those that minirun sends is predicted then, and marked so. Each step down
prints a line that says why. A container must have a PID namespace of its own.

run, create, exec and stop take --observe FILE, which is this in the background,
attached before the program starts. So does the annotation minirun.observe=FILE
of config.json, where an engine calls minirun: the observer is then a process
of the engine's, without its standard streams, and ends with the container.
With minirun.stop=FILE it begins when the container is asked to end, by the
first kill or delete, and says with each signal what became of the one before.
{id} in FILE is the container's.

Flags:
  -o, --output FILE   write to FILE (default, and -: standard output)
  --format FORMAT     text, json (an object a line), perfetto (for
                      ui.perfetto.dev), or html (default by the ending of FILE:
                      .txt, .json, .jsonl, .perfetto-trace, .pftrace, .html)
  --source SOURCE     auto, bpf, tracefs or proc (default auto); a named one is
                      used or the verb fails
  --until WHEN        exit, or a time such as 10s (default exit)
  --channel           what the verbs start with --observe

Examples:
  minirun observe web
  minirun observe -o web.html web
  minirun observe --until 10s --format json web | jq .
  minirun run --observe web.txt ./web
`,
	setup: setupObserve,
}

const observeFlagHelp = `  --observe FILE          write the kernel's account of it to FILE (observe)
`

func setupObserve(f *flag.FlagSet) action {
	var out output
	o := runtime.ObserveOptions{Source: session.Auto}
	until, channel := "exit", false
	stringFlag(f, &out.file, "output", "o")
	stringFlag(f, &out.format, "format", "")
	stringFlag(f, &o.Source, "source", "")
	stringFlag(f, &until, "until", "")
	boolFlag(f, &channel, "channel", "")
	return func(a *app, args []string) (int, error) {
		o.ID = args[0]
		debug.SetGCPercent(50) // what is told is garbage: the process is to stay small
		if err := observeUntil(&o, until); err != nil {
			return 0, err
		}
		o.Interrupt = interrupted()
		if channel {
			return 0, out.background(o)
		}
		return 0, out.foreground(a, o)
	}
}

func observeUntil(o *runtime.ObserveOptions, until string) (err error) {
	switch until {
	case "exit":
	case "verb":
		o.Verb = true
	default:
		if o.For, err = parseTime("--until", until, -1); err != nil || o.For <= 0 {
			err = fmt.Errorf("--until %q: want exit, or a time such as 10, 10s or 1m30s", until)
		}
	}
	return err
}

// interrupted is closed at the first signal that asks to end. What is left of the
// timeline is still written. A reader who has gone, as head(1) does, is an error
// of the writing, and no signal: there is a source to give back.
func interrupted() <-chan struct{} {
	signal.Ignore(unix.SIGPIPE)
	c, closed := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(c, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		<-c
		signal.Stop(c) // a second one ends at once
		close(closed)
	}()
	return closed
}

// An output is where a timeline goes.
type output struct {
	file, format string
	to           *os.File
	made         bool // there was no such file
}

// open makes the file before anything is observed, so that one that cannot be
// written is an error in time.
func (out *output) open(o *runtime.ObserveOptions, stdout *os.File) (err error) {
	o.Format = observe.FormatOf(out.file)
	if out.format != "" {
		if o.Format, err = observe.ParseFormat(out.format); err != nil {
			return err
		}
	}
	if out.file == "-" {
		out.file = ""
	}
	if out.to = stdout; out.file != "" {
		err = out.create(stdout == nil)
	}
	o.To = out.to
	return err
}

// create makes the file, or empties the one that is there. In the background
// nobody could interrupt the wait for a reader of a FIFO: without one that is an error.
func (out *output) create(background bool) (err error) {
	flags := os.O_WRONLY | os.O_CREATE
	if background {
		flags |= unix.O_NONBLOCK
	}
	out.to, err = os.OpenFile(out.file, flags|os.O_EXCL, 0o644)
	if out.made = err == nil; errors.Is(err, os.ErrExist) {
		out.to, err = os.OpenFile(out.file, flags|os.O_TRUNC, 0o644)
	}
	return err
}

func (out *output) close() error {
	if out.file == "" {
		return nil
	}
	return out.to.Close()
}

func (out *output) foreground(a *app, o runtime.ObserveOptions) error {
	if err := out.open(&o, a.stdout); err != nil {
		return err
	}
	o.Begun = func(source string, skipped []string) {
		for _, line := range skipped {
			a.log.warn(line)
		}
		fmt.Fprintf(a.stderr, "observing %s by %s, until it ends or ^C\n", o.ID, source)
	}
	err := a.runtime().Observe(o)
	return errors.Join(err, out.close())
}

// background serves another verb. It has no standard streams: what goes wrong
// goes to that verb, as long as it is there.
func (out *output) background(o runtime.ObserveOptions) error {
	b, err := session.NewBackground()
	if err != nil {
		return err
	}
	err = out.serve(b, o)
	if errors.Is(err, session.ErrNothing) {
		return nil
	}
	if err != nil {
		b.Fail(fmt.Errorf("observe: %w", err))
	}
	return err
}

func (out *output) serve(b *session.Background, o runtime.ObserveOptions) error {
	if err := out.open(&o, nil); err != nil {
		return err
	}
	err := o.ObserveFor(b)
	if errors.Is(err, session.ErrNothing) && out.made {
		err = errors.Join(err, os.Remove(out.file))
	}
	return errors.Join(err, out.close())
}
