package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

func readSeccomp(d *decoder, s *specs.LinuxSeccomp) {
	d.object(func(key string) {
		switch key {
		case "defaultAction":
			str(d, &s.DefaultAction)
		case "defaultErrnoRet":
			ptr(d, &s.DefaultErrnoRet, integer)
		case "architectures":
			list(d, &s.Architectures, str)
		case "flags":
			list(d, &s.Flags, str)
		case "listenerPath":
			str(d, &s.ListenerPath)
		case "listenerMetadata":
			str(d, &s.ListenerMetadata)
		case "syscalls":
			list(d, &s.Syscalls, readSyscall)
		}
	})
}

func readSyscall(d *decoder, s *specs.LinuxSyscall) {
	d.object(func(key string) {
		switch key {
		case "names":
			list(d, &s.Names, str)
		case "action":
			str(d, &s.Action)
		case "errnoRet":
			ptr(d, &s.ErrnoRet, integer)
		case "args":
			list(d, &s.Args, readSeccompArg)
		}
	})
}

func readSeccompArg(d *decoder, a *specs.LinuxSeccompArg) {
	d.object(func(key string) {
		switch key {
		case "index":
			integer(d, &a.Index)
		case "value":
			integer(d, &a.Value)
		case "valueTwo":
			integer(d, &a.ValueTwo)
		case "op":
			str(d, &a.Op)
		}
	})
}
