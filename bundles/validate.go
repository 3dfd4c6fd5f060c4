package bundles

import (
	"cmp"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Validate returns the first problem of a decoded config.json that can be
// told without looking at the host, in one line that starts with the path of
// the property: what runtime-spec or the kernel does not allow.
func Validate(s *specs.Spec) error {
	return cmp.Or(
		in("ociVersion", checkVersion(s.Version)),
		in("root", checkRoot(s.Root)),
		in("process", checkProcess(s.Process)),
		each("mounts", s.Mounts, checkMount),
		in("hooks", checkHooks(s.Hooks)),
		in("annotations", checkAnnotations(s.Annotations)),
		in("linux", checkLinux(s.Linux)),
		in("hostname", checkNodeName(s.Hostname, s.Linux)),
		in("domainname", checkNodeName(s.Domainname, s.Linux)),
		checkSysctls(s),
		checkUserNamespace(s),
		checkIDMappedMounts(s),
	)
}

// ValidateProcess is Validate for the process object of exec.
func ValidateProcess(p *specs.Process) error {
	return in("process", checkProcess(p))
}

// ValidateResources is Validate for the resources object of update.
func ValidateResources(r *specs.LinuxResources) error {
	return in("resources", checkResources(r))
}

// checkVersion accepts every 1.x: within a major version new properties may
// come, and those that minirun does not know it must ignore anyway
// (runtime-spec, "Extensibility").
func checkVersion(version string) error {
	switch {
	case version == "":
		return missing("")
	case len(version) < 3 || version[:2] != "1." || !isDigit(version[2]):
		return bad("", "%q is not supported, want 1.x", version)
	}
	return nil
}

func checkRoot(r *specs.Root) error {
	switch {
	case r == nil:
		return missing("")
	case r.Path == "":
		return missing("path")
	}
	return nil
}

// checkNodeName checks the hostname or the domainname. Without a UTS
// namespace of the container's own or one to join, it would be the host's
// that changes.
func checkNodeName(name string, l *specs.Linux) error {
	const utsLen = 64 // __NEW_UTS_LEN, include/uapi/linux/utsname.h
	switch {
	case name == "":
		return nil
	case len(name) > utsLen:
		return bad("", "longer than %d bytes", utsLen)
	}
	return needNamespace(l, specs.UTSNamespace)
}

func checkAnnotations(annotations map[string]string) error {
	if _, has := annotations[""]; has {
		return bad("", "a key is empty")
	}
	return nil
}

func checkHooks(h *specs.Hooks) error {
	if h == nil {
		return nil
	}
	return cmp.Or(
		//lint:ignore SA1019 docker still uses it
		each("prestart", h.Prestart, checkHook),
		each("createRuntime", h.CreateRuntime, checkHook),
		each("createContainer", h.CreateContainer, checkHook),
		each("startContainer", h.StartContainer, checkHook),
		each("poststart", h.Poststart, checkHook),
		each("poststop", h.Poststop, checkHook),
	)
}

func checkHook(h specs.Hook) error {
	if h.Timeout != nil && *h.Timeout <= 0 {
		return bad("timeout", "%d is not above 0", *h.Timeout)
	}
	return cmp.Or(
		in("path", absolute(h.Path)),
		each("env", h.Env, checkEnv),
	)
}
