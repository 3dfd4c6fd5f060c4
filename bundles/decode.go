package bundles

import "github.com/opencontainers/runtime-spec/specs-go"

// Decode reads a config.json of runtime-spec 1.3: every property that a
// Linux runtime can see. Properties for other platforms (solaris, windows, vm,
// zos, freebsd, process.commandLine, process.user.username) and unknown ones
// are ignored.
//
// The result shares the memory of data, which must not change any more. No
// string of it has a NUL byte but the values of annotations. An
// error is one line: for text that is not JSON it starts with line and
// column, else with the path of the property.
func Decode(data []byte) (*specs.Spec, error) {
	return decode(data, "", readSpec)
}

// DecodeProcess reads a process object, as engines hand it to exec
// (--process). Errors are those of Decode.
func DecodeProcess(data []byte) (*specs.Process, error) {
	return decode(data, "process", readProcess)
}

// DecodeResources reads a resources object, as engines hand it to update
// (--resources). Errors are those of Decode.
func DecodeResources(data []byte) (*specs.LinuxResources, error) {
	return decode(data, "resources", readResources)
}

func readSpec(d *decoder, s *specs.Spec) {
	d.object(func(key string) {
		switch key {
		case "ociVersion":
			str(d, &s.Version)
		case "process":
			ptr(d, &s.Process, readProcess)
		case "root":
			ptr(d, &s.Root, readRoot)
		case "hostname":
			str(d, &s.Hostname)
		case "domainname":
			str(d, &s.Domainname)
		case "mounts":
			list(d, &s.Mounts, readMount)
		case "hooks":
			ptr(d, &s.Hooks, readHooks)
		case "annotations":
			dict(d, &s.Annotations, text)
		case "linux":
			ptr(d, &s.Linux, readLinux)
		}
	})
}

func readRoot(d *decoder, r *specs.Root) {
	d.object(func(key string) {
		switch key {
		case "path":
			str(d, &r.Path)
		case "readonly":
			boolean(d, &r.Readonly)
		}
	})
}

func readMount(d *decoder, m *specs.Mount) {
	d.object(func(key string) {
		switch key {
		case "destination":
			str(d, &m.Destination)
		case "type":
			str(d, &m.Type)
		case "source":
			str(d, &m.Source)
		case "options":
			list(d, &m.Options, str)
		case "uidMappings":
			list(d, &m.UIDMappings, readIDMapping)
		case "gidMappings":
			list(d, &m.GIDMappings, readIDMapping)
		}
	})
}

func readIDMapping(d *decoder, m *specs.LinuxIDMapping) {
	d.object(func(key string) {
		switch key {
		case "containerID":
			integer(d, &m.ContainerID)
		case "hostID":
			integer(d, &m.HostID)
		case "size":
			integer(d, &m.Size)
		}
	})
}

func readHooks(d *decoder, h *specs.Hooks) {
	d.object(func(key string) {
		switch key {
		case "prestart":
			//lint:ignore SA1019 docker still writes it
			list(d, &h.Prestart, readHook)
		case "createRuntime":
			list(d, &h.CreateRuntime, readHook)
		case "createContainer":
			list(d, &h.CreateContainer, readHook)
		case "startContainer":
			list(d, &h.StartContainer, readHook)
		case "poststart":
			list(d, &h.Poststart, readHook)
		case "poststop":
			list(d, &h.Poststop, readHook)
		}
	})
}

func readHook(d *decoder, h *specs.Hook) {
	d.object(func(key string) {
		switch key {
		case "path":
			str(d, &h.Path)
		case "args":
			list(d, &h.Args, str)
		case "env":
			list(d, &h.Env, str)
		case "timeout":
			ptr(d, &h.Timeout, integer)
		}
	})
}
