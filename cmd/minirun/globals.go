package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"minirun/runtime"
)

// globals are the flags that stand before the verb.
type globals struct {
	root, logFile, logFormat, rootless string
	rootlessMode                       *bool // nil is auto
	debug, systemdCgroup, version      bool
	annotations                        map[string]string
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
	f.Func("annotation", "", g.annotate)
}

// annotate takes one --annotation.
func (g *globals) annotate(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("want KEY=VALUE")
	}
	if g.annotations == nil {
		g.annotations = make(map[string]string)
	}
	g.annotations[key] = value
	return nil
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
		a.root = runtime.DefaultRoot(os.Geteuid(), os.Getenv, runtime.InUserNS)
	}
	if a.root, err = filepath.Abs(a.root); err != nil {
		return err
	}
	return a.readRootless()
}

// readRootless reads --rootless; auto leaves the choice to the runtime.
func (a *app) readRootless() error {
	if a.rootless == "auto" {
		return nil
	}
	yes, err := strconv.ParseBool(a.rootless)
	if err != nil {
		return fmt.Errorf("unknown --rootless %q: want true, false or auto", a.rootless)
	}
	a.rootlessMode = &yes
	return nil
}
