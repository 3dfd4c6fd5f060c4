package main

import (
	"fmt"
	"strings"
)

const overviewHead = `minirun - run containers (OCI runtime-spec 1.3, a drop-in for runc)

Usage: minirun [global flags] VERB [flags] [arguments]

Verbs:
`

const overviewTail = `
Global flags, before the verb:
  --root DIR           where containers are kept (default /run/minirun)
  --log FILE           append errors and warnings to FILE
  --log-format FORMAT  text or json (default text)
  --debug              log what minirun does, too
  --systemd-cgroup     systemd makes the cgroup; cgroupsPath: slice:prefix:name
  --rootless BOOL      true, false or auto (default auto): do without a cgroup?
  --annotation K=V     of containers whose config.json has no annotation K
  -v, --version        print versions
  -h, --help           print this, or after a verb its own help

Examples:
  minirun spec -b web && minirun run ./web    run the bundle in ./web
  minirun plan ./web                          print how it will be born
  minirun --root /tmp/r list                  list containers of another root
`

// overview is minirun --help.
func overview() []byte {
	var b strings.Builder
	b.WriteString(overviewHead)
	for _, v := range verbs {
		fmt.Fprintf(&b, "  %-9s %s\n", v.name, v.short)
	}
	b.WriteString(overviewTail)
	return []byte(b.String())
}

// text is minirun VERB --help.
func (v *verb) text() []byte {
	line := "minirun " + v.name
	if strings.Contains(v.help, "\nFlags:\n") {
		line += " [flags]"
	}
	if v.args != "" {
		line += " " + v.args
	}
	return []byte("minirun " + v.name + " - " + v.short + "\n\nUsage: " + line + "\n" + v.help)
}

// help is minirun help [VERB].
func (a *app) help(args []string) (int, error) {
	if len(args) == 0 {
		return 0, a.print(overview())
	}
	v := lookup(args[0])
	if v == nil {
		return exitUnknownVerb, usageError(fmt.Errorf("unknown verb %q", args[0]), "minirun --help")
	}
	return 0, a.print(v.text())
}
