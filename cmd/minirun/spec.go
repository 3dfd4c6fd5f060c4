package main

import (
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
  --rootless         for a user without privileges

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
		return 0, runtime.WriteSpec(bundle, rootless)
	}
}
