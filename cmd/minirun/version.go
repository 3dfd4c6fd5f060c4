package main

import (
	"flag"
	"fmt"
	goruntime "runtime"
	"runtime/debug"
	"strings"

	"minirun/runtime"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version string

var versionVerb = verb{
	name: "version", args: "", min: 0, max: 0,
	short: "print versions",
	help: `
The first line begins as runc's does, because dockerd and containerd look for
that; the number there is the version of the runtime-spec. The last line is
minirun's own.

Examples:
  minirun --version
`,
	setup: func(*flag.FlagSet) action {
		return func(a *app, _ []string) (int, error) { return 0, a.print(versionText()) }
	},
}

func versionText() []byte {
	v, commit := versions()
	return fmt.Appendf(nil, "runc version %s (minirun %s)\ncommit: %s\nspec: %s\ngo: %s\nminirun: %s %s/%s\n",
		runtime.SpecVersion, v, commit, runtime.SpecVersion, goruntime.Version(), v, goruntime.GOOS, goruntime.GOARCH)
}

// versions are those of minirun and of the commit that it was built from.
func versions() (v, commit string) {
	v, commit = version, "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, commit
	}
	if v == "" {
		v = strings.Trim(info.Main.Version, "()") // "(devel)" outside of a repository
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return v, commit + dirty
}
