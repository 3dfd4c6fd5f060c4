package runtime

import (
	"slices"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Features is the features structure of runtime-spec 1.3 (features-linux.md):
// true is what works, false what is refused, whatever the host has. Only of
// the flags of seccomp the kernel is asked. version is minirun's own.
func Features(version string) []byte {
	return featuresOf(version, killableListeners())
}

// featuresOf is pure. A kernel has killable listeners since Linux 5.19; every
// other flag came before the 5.14 that minirun needs.
func featuresOf(version string, killable bool) []byte {
	w := jsonWriter{indent: "  "}
	w.open('{')
	w.strField("ociVersionMin", "1.0.0")
	w.strField("ociVersionMax", SpecVersion)
	w.listField("hooks", []string{
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	})
	w.listField("mountOptions", bundles.KnownMountOptions())
	w.key("linux")
	w.linuxFeatures(killable)
	w.mapField("annotations", map[string]string{"minirun.version": version})
	w.close('}')
	return append(w.buf, '\n')
}

func (w *jsonWriter) linuxFeatures(killable bool) {
	w.open('{')
	w.listField("capabilities", bundles.KnownCapabilities())
	w.listField("namespaces", []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"})
	w.flagsField("cgroup", []flagField{
		{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", false},
	})
	w.key("seccomp")
	w.seccompFeatures(killable)
	w.flagsField("apparmor", []flagField{{"enabled", true}})
	w.flagsField("selinux", []flagField{{"enabled", true}})
	w.flagsField("intelRdt", []flagField{{"enabled", true}, {"schemata", true}, {"monitoring", true}})
	w.key("memoryPolicy")
	w.open('{')
	w.listField("modes", bundles.KnownMemoryModes())
	w.listField("flags", bundles.KnownMemoryFlags())
	w.close('}')
	w.key("mountExtensions")
	w.open('{')
	w.flagsField("idmap", []flagField{{"enabled", true}})
	w.close('}')
	w.flagsField("netDevices", []flagField{{"enabled", true}})
	w.close('}')
}

func (w *jsonWriter) seccompFeatures(killable bool) {
	flags := bundles.KnownSeccompFlags()
	if !killable {
		flags = slices.DeleteFunc(slices.Clone(flags), func(s string) bool {
			return s == string(specs.LinuxSeccompFlagWaitKillableRecv)
		})
	}
	w.open('{')
	w.boolField("enabled", true)
	w.listField("actions", bundles.KnownSeccompActions())
	w.listField("operators", bundles.KnownSeccompOperators())
	w.listField("archs", bundles.KnownSeccompArchs())
	w.listField("knownFlags", bundles.KnownSeccompFlags())
	w.listField("supportedFlags", flags)
	w.close('}')
}

type flagField struct {
	name string
	on   bool
}

func (w *jsonWriter) flagsField(k string, flags []flagField) {
	w.key(k)
	w.open('{')
	for _, f := range flags {
		w.boolField(f.name, f.on)
	}
	w.close('}')
}

func (w *jsonWriter) listField(k string, list []string) {
	w.key(k)
	w.open('[')
	for _, s := range list {
		w.next()
		w.str(s)
	}
	w.close(']')
}
