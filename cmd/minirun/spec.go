package main

import (
	"errors"
	"flag"

	"minirun/runtime"
)

var specVerb = verb{
	name: "spec", args: "", min: 0, max: 0,
	short: "write a config.json to start from",
	help: `
The file goes into the bundle and does not replace one that is there.

Flags:
  -b, --bundle DIR   the bundle (default .)
  --rootless         not supported, refused

Examples:
  mkdir -p web/rootfs && minirun spec -b web
`,
	setup: setupSpec,
}

func setupSpec(f *flag.FlagSet) action {
	bundle, rootless := ".", false
	defineBundle(f, &bundle)
	boolFlag(f, &rootless, "rootless", "")
	return func(a *app, _ []string) (int, error) {
		if rootless {
			return 0, errors.New("--rootless is not supported: minirun needs root")
		}
		return 0, runtime.WriteSpec(bundle)
	}
}
