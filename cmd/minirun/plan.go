package main

import (
	"bytes"
	"flag"
	"fmt"
	goruntime "runtime"
)

var planVerb = verb{
	name: "plan", args: "[BUNDLE]", min: 0, max: 1,
	short: "print how a container will be born, system call by system call",
	help: `
Nothing is created. The list is what run would do for the bundle (default .) on
this host, in order: each system call, its arguments in the notation of strace,
and why it is there.

Flags:
  --format FORMAT   text or json (default text)
  --arch ARCH       amd64 or arm64 (default: this machine's)

Examples:
  minirun plan ./web
  minirun plan --format json --arch arm64 ./web
`,
	setup: setupPlan,
}

func setupPlan(f *flag.FlagSet) action {
	format, arch := "text", goruntime.GOARCH
	stringFlag(f, &format, "format", "")
	stringFlag(f, &arch, "arch", "")
	return func(a *app, args []string) (int, error) {
		if format != "text" && format != "json" {
			return 0, fmt.Errorf("unknown --format %q: want text or json", format)
		}
		if arch != "amd64" && arch != "arm64" {
			return 0, fmt.Errorf("unknown --arch %q: want amd64 or arm64", arch)
		}
		bundle := "."
		if len(args) == 1 {
			bundle = args[0]
		}
		plan, err := a.runtime().Plan(bundle, arch)
		if err != nil {
			return 0, err
		}
		if format == "json" {
			return 0, a.print(plan.JSON())
		}
		var text bytes.Buffer
		plan.Print(&text)
		return 0, a.print(text.Bytes())
	}
}
