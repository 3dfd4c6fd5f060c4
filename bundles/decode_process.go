package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

func readProcess(d *decoder, p *specs.Process) {
	d.object(func(key string) {
		switch key {
		case "terminal":
			boolean(d, &p.Terminal)
		case "consoleSize":
			ptr(d, &p.ConsoleSize, readBox)
		case "user":
			readUser(d, &p.User)
		case "args":
			list(d, &p.Args, str)
		case "env":
			list(d, &p.Env, str)
		case "cwd":
			str(d, &p.Cwd)
		case "capabilities":
			ptr(d, &p.Capabilities, readCapabilities)
		case "rlimits":
			list(d, &p.Rlimits, readRlimit)
		case "noNewPrivileges":
			boolean(d, &p.NoNewPrivileges)
		case "apparmorProfile":
			str(d, &p.ApparmorProfile)
		case "oomScoreAdj":
			ptr(d, &p.OOMScoreAdj, integer)
		case "scheduler":
			ptr(d, &p.Scheduler, readScheduler)
		case "selinuxLabel":
			str(d, &p.SelinuxLabel)
		case "ioPriority":
			ptr(d, &p.IOPriority, readIOPriority)
		case "execCPUAffinity":
			ptr(d, &p.ExecCPUAffinity, readCPUAffinity)
		}
	})
}

func readBox(d *decoder, b *specs.Box) {
	d.object(func(key string) {
		switch key {
		case "height":
			integer(d, &b.Height)
		case "width":
			integer(d, &b.Width)
		}
	})
}

func readUser(d *decoder, u *specs.User) {
	d.object(func(key string) {
		switch key {
		case "uid":
			integer(d, &u.UID)
		case "gid":
			integer(d, &u.GID)
		case "umask":
			ptr(d, &u.Umask, integer)
		case "additionalGids":
			list(d, &u.AdditionalGids, integer)
		}
	})
}

func readCapabilities(d *decoder, c *specs.LinuxCapabilities) {
	d.object(func(key string) {
		switch key {
		case "bounding":
			list(d, &c.Bounding, str)
		case "effective":
			list(d, &c.Effective, str)
		case "inheritable":
			list(d, &c.Inheritable, str)
		case "permitted":
			list(d, &c.Permitted, str)
		case "ambient":
			list(d, &c.Ambient, str)
		}
	})
}

func readRlimit(d *decoder, r *specs.POSIXRlimit) {
	d.object(func(key string) {
		switch key {
		case "type":
			str(d, &r.Type)
		case "hard":
			integer(d, &r.Hard)
		case "soft":
			integer(d, &r.Soft)
		}
	})
}

func readScheduler(d *decoder, s *specs.Scheduler) {
	d.object(func(key string) {
		switch key {
		case "policy":
			str(d, &s.Policy)
		case "nice":
			integer(d, &s.Nice)
		case "priority":
			integer(d, &s.Priority)
		case "flags":
			list(d, &s.Flags, str)
		case "runtime":
			integer(d, &s.Runtime)
		case "deadline":
			integer(d, &s.Deadline)
		case "period":
			integer(d, &s.Period)
		}
	})
}

func readIOPriority(d *decoder, p *specs.LinuxIOPriority) {
	d.object(func(key string) {
		switch key {
		case "class":
			str(d, &p.Class)
		case "priority":
			integer(d, &p.Priority)
		}
	})
}

func readCPUAffinity(d *decoder, a *specs.CPUAffinity) {
	d.object(func(key string) {
		switch key {
		case "initial":
			str(d, &a.Initial)
		case "final":
			str(d, &a.Final)
		}
	})
}
