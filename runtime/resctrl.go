package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A resctrlGroup is where linux.intelRdt puts a container, below the mount
// point of resctrl (Documentation/filesystems/resctrl.rst).
type resctrlGroup struct {
	Dir     string // of the class of service
	Monitor string // the container's own monitoring group in it; empty: none
	Schema  string // what is written to schemata, a line each; empty: nothing
	Named   bool   // closID names the class, so that others may be in it
	Exists  bool   // and it must, unless there is a schema to make it with
}

// newResctrlGroup is pure. The order of the lines is that of runtime-spec.
func newResctrlGroup(root, id string, s *specs.LinuxIntelRdt) *resctrlGroup {
	g := &resctrlGroup{Dir: root + "/" + id, Named: s.ClosID != ""}
	switch s.ClosID {
	case "":
	case "/":
		g.Dir = root
	default:
		g.Dir = root + "/" + s.ClosID
	}
	for _, line := range append([]string{s.L3CacheSchema, s.MemBwSchema}, s.Schemata...) {
		if line != "" {
			g.Schema += line + "\n"
		}
	}
	if s.EnableMonitoring {
		g.Monitor = g.Dir + "/mon_groups/" + id
	}
	return g
}

// delete is the group that goes with the container; empty for none.
func (g *resctrlGroup) delete() string {
	if !g.Named {
		return g.Dir // with the monitoring group in it
	}
	return g.Monitor
}

// differences compares a schema with the text of a schemata file, which may
// have other resources and domains too, spaces, leading zeros and another
// order. It names the first line that is not in force; "" is none.
func differences(schema, have string) string {
	domains := parseSchemata(have)
	for line := range strings.Lines(schema) {
		for key, value := range parseSchemata(line) {
			if domains[key] != value {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// parseSchemata reads lines such as L3:0=7ff;1=7ff into values by resource and domain.
func parseSchemata(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		resource, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		for pair := range strings.SplitSeq(rest, ";") {
			domain, value, _ := strings.Cut(pair, "=")
			if domain = strings.TrimSpace(domain); domain != "" {
				values[strings.TrimSpace(resource)+":"+plainNumber(domain)] = plainNumber(strings.ToLower(strings.TrimSpace(value)))
			}
		}
	}
	return values
}

// plainNumber is a number, decimal or hexadecimal, without leading zeros.
func plainNumber(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}

// updateSchemata are the lines of update's flags, for a container that has a
// group; the errors are those of the flags.
func updateSchemata(r *Record, l3, memBw string) (string, error) {
	var schema string
	for _, s := range []struct{ flag, prefix, line string }{{"--l3-cache-schema", "L3", l3}, {"--mem-bw-schema", "MB:", memBw}} {
		switch {
		case s.line == "":
			continue
		case !strings.HasPrefix(s.line, s.prefix) || strings.Contains(s.line, "\n"):
			return "", fmt.Errorf("%s %q: want one line that begins with %s: %w", s.flag, s.line, s.prefix, unix.EINVAL)
		case r.Resctrl == "":
			return "", fmt.Errorf("%s: the container has no linux.intelRdt", s.flag)
		}
		schema += s.line + "\n"
	}
	return schema, nil
}

// resctrlMount finds a mount of resctrl in the text of /proc/self/mountinfo.
func resctrlMount(mountinfo string) string {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		if i := slices.Index(f, "-"); i > 4 && i+1 < len(f) && f[i+1] == "resctrl" {
			return f[4]
		}
	}
	return ""
}
