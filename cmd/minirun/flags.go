package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// newFlags is a flag set that leaves all printing to its user. The package
// flag takes --flag v, --flag=v, -flag v and -f v, and stops at the first
// argument or at --, all as runc does.
func newFlags() *flag.FlagSet {
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse returns the arguments after the flags, or that help is asked for.
func parse(f *flag.FlagSet, args []string) (rest []string, help bool, err error) {
	err = f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, errors.New(twoDashes(err.Error()))
	}
	return f.Args(), false, nil
}

// twoDashes spells the flag in a message of package flag as users do.
func twoDashes(msg string) string {
	i := strings.LastIndex(msg, " -")
	if i < 0 {
		return msg
	}
	name := msg[i+2:]
	if end := strings.IndexAny(name, " :"); end >= 0 {
		name = name[:end]
	}
	if len(name) > 1 && name[0] != '-' {
		return msg[:i+1] + "-" + msg[i+1:]
	}
	return msg
}

func usageError(err error, hint string) error {
	return fmt.Errorf("%w (see %s)", err, hint)
}

// boolFlag and stringFlag define a flag by its name and, if there is one, its letter.
func boolFlag(f *flag.FlagSet, p *bool, name, letter string) {
	f.BoolVar(p, name, false, "")
	if letter != "" {
		f.BoolVar(p, letter, false, "")
	}
}

func stringFlag(f *flag.FlagSet, p *string, name, letter string) {
	f.StringVar(p, name, *p, "")
	if letter != "" {
		f.StringVar(p, letter, *p, "")
	}
}
