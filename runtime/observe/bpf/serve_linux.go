package bpf

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"minirun/runtime/observe"
	"minirun/runtime/observe/helper"
	"minirun/runtime/observe/proc"
)

// usage is for who starts it by hand.
const usage = `minirun-observe: the eBPF source of "minirun observe" and "minirun run --observe",
which start it. It writes binary records to its standard output until its
standard input is at its end.

  --level L          how far the container's PID namespace is below the first (1)
  --namespace INODE  watch this PID namespace at once
  --expect PID       watch the next container that this process makes, from its clone on
  --ring BYTES       size of the ring buffer, a power of two (8388608)
`

// options are the flags.
type options struct {
	level             int
	namespace, expect uint
	ring              uint
}

func (o *options) parse(args []string) error {
	fs := flag.NewFlagSet(helper.Program, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&o.level, "level", 1, "")
	fs.UintVar(&o.namespace, "namespace", 0, "")
	fs.UintVar(&o.expect, "expect", 0, "")
	fs.UintVar(&o.ring, "ring", 8<<20, "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("%q: not a flag", fs.Arg(0))
	case o.level < 1 || o.level > 32: // MAX_PID_NS_LEVEL
		return fmt.Errorf("--level %d: not within 1 and 32", o.level)
	case o.ring < uint(os.Getpagesize()) || o.ring&(o.ring-1) != 0 || o.ring > 1<<30:
		return fmt.Errorf("--ring %d: not a power of two from %d to 1073741824", o.ring, os.Getpagesize())
	}
	return nil
}

// Main is minirun-observe; it returns the exit code.
func Main(args []string, stdin, stdout *os.File, stderr io.Writer) int {
	var o options
	if err := o.parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			return 0
		}
		fmt.Fprintf(stderr, "%s: %v\n", helper.Program, err)
		return 2
	}
	if _, err := unix.IoctlGetTermios(int(stdout.Fd()), unix.TCGETS); err == nil {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err := o.serve(stdin, stdout); err != nil {
		// What cannot be told by a record, because nobody reads them, is told here.
		if _, told := stdout.Write(failure(err)); told != nil {
			fmt.Fprintf(stderr, "%s: %v\n", helper.Program, err)
		}
		return 1
	}
	return 0
}

// serve loads, and carries records until the end.
func (o *options) serve(stdin, stdout *os.File) (err error) {
	if err := proc.InFirst(); err != nil {
		return err
	}
	debug.SetGCPercent(20) // next to nothing lives; the pages are better given back
	set, err := Attach(o.level, uint32(o.ring))
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	debug.FreeOSMemory()
	p, err := newPump(set, stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := errors.Join(set.Watch(uint32(o.namespace)), set.Expect(int(o.expect))); err != nil {
		return err
	}
	p.say(helper.Attached, "attached")
	if err := errors.Join(p.flush(), p.run(stdin)); err != nil {
		return err
	}
	p.say(helper.Ended, "ended")
	return p.flush()
}

// obey is the order to watch.
func (p *pump) obey(namespace uint32) error {
	if err := p.set.Watch(namespace); err != nil {
		return err
	}
	p.say(helper.Watching, "watching")
	return p.flush()
}

func (p *pump) say(state byte, text string) { p.append(word(state, 0, text)) }

func word(state byte, errno syscall.Errno, text string) *observe.Event {
	return &observe.Event{Kind: observe.Mark, Evidence: observe.Done, Origin: observe.BPF, State: state, Status: uint32(errno), Text: text}
}

// failure is the record of an error.
func failure(err error) []byte {
	var errno syscall.Errno
	errors.As(err, &errno)
	return observe.AppendWire(nil, word(helper.Failed, errno, strings.ReplaceAll(err.Error(), "\n", "; ")))
}
