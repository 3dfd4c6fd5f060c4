package bundles

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// checkProcess refuses a missing process too: without one there is nothing
// to create, only to start.
func checkProcess(p *specs.Process) error {
	if p == nil {
		return missing("")
	}
	return cmp.Or(
		checkConsole(p),
		in("user", checkUser(&p.User)),
		in("args", checkArgs(p.Args)),
		each("env", p.Env, checkEnv),
		in("cwd", absolute(p.Cwd)),
		in("capabilities", checkCapabilities(p.Capabilities)),
		each("rlimits", p.Rlimits, checkRlimit),
		unique("rlimits", "type", p.Rlimits, func(r specs.POSIXRlimit) string { return r.Type }),
		in("scheduler", checkScheduler(p.Scheduler)),
		in("ioPriority", checkIOPriority(p.IOPriority)),
		in("execCPUAffinity", checkAffinity(p.ExecCPUAffinity)),
		within("oomScoreAdj", p.OOMScoreAdj, -1000, 1000), // include/uapi/linux/oom.h
	)
}

// checkConsole looks at consoleSize only where there is a console, as the
// specification demands. The limit is that of struct winsize.
func checkConsole(p *specs.Process) error {
	if !p.Terminal || p.ConsoleSize == nil {
		return nil
	}
	return in("consoleSize", cmp.Or(
		within("height", &p.ConsoleSize.Height, 0, math.MaxUint16),
		within("width", &p.ConsoleSize.Width, 0, math.MaxUint16),
	))
}

func checkUser(u *specs.User) error {
	const ngroupsMax = 65536 // NGROUPS_MAX, include/uapi/linux/limits.h
	if len(u.AdditionalGids) > ngroupsMax {
		return bad("additionalGids", "%d groups are more than the kernel's %d", len(u.AdditionalGids), ngroupsMax)
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		return bad("umask", "%#o is out of range (0 to 0777)", *u.Umask)
	}
	return cmp.Or(
		in("uid", checkOwner(u.UID)),
		in("gid", checkOwner(u.GID)),
		each("additionalGids", u.AdditionalGids, checkOwner),
	)
}

// checkOwner refuses (uid_t)-1, which the kernel takes for "leave it".
func checkOwner(id uint32) error {
	if id == math.MaxUint32 {
		return bad("", "%d is not an id", id)
	}
	return nil
}

func checkArgs(args []string) error {
	switch {
	case len(args) == 0:
		return missing("")
	case args[0] == "":
		return bad("[0]", "empty")
	}
	return nil
}

// checkEnv does not quote the entry: it may be a secret.
func checkEnv(entry string) error {
	switch strings.IndexByte(entry, '=') {
	case -1:
		return bad("", `no "=" in it`)
	case 0:
		return bad("", `no name before the "="`)
	}
	return nil
}

func checkCapabilities(c *specs.LinuxCapabilities) error {
	if c == nil {
		return nil
	}
	return cmp.Or(
		each("bounding", c.Bounding, checkCapability),
		each("effective", c.Effective, checkCapability),
		each("inheritable", c.Inheritable, checkCapability),
		each("permitted", c.Permitted, checkCapability),
		each("ambient", c.Ambient, checkCapability),
		each("effective", c.Effective, func(name string) error {
			if slices.Contains(c.Permitted, name) {
				return nil
			}
			// security/commoncap.c, cap_capset: EPERM.
			return bad("", "%s is not in permitted", name)
		}),
	)
}

func checkCapability(name string) error {
	if _, ok := Capability(name); !ok {
		return bad("", "unknown capability %q", name)
	}
	return nil
}

func checkRlimit(r specs.POSIXRlimit) error {
	if r.Type == "" {
		return missing("type")
	}
	if _, ok := Rlimit(r.Type); !ok {
		return bad("type", "unknown limit %q", r.Type)
	}
	if r.Soft > r.Hard {
		return bad("soft", "%d is above the hard limit, %d", r.Soft, r.Hard)
	}
	return nil
}
