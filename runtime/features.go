package runtime

import (
	"slices"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Features is the features structure of runtime-spec 1.3 (features-linux.md):
// true is what works, false what is refused. version is minirun's own.
func Features(version string) []byte {
	w := jsonWriter{indent: "  "}
	w.open('{')
	w.strField("ociVersionMin", "1.0.0")
	w.strField("ociVersionMax", SpecVersion)
	w.listField("hooks", []string{
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	})
	w.listField("mountOptions", bundles.KnownMountOptions())
	w.key("linux")
	w.linuxFeatures()
	w.mapField("annotations", map[string]string{"minirun.version": version})
	w.close('}')
	return append(w.buf, '\n')
}

func (w *jsonWriter) linuxFeatures() {
	w.open('{')
	w.listField("capabilities", bundles.KnownCapabilities())
	w.listField("namespaces", []string{"cgroup", "ipc", "mount", "network", "pid", "uts"})
	w.flagsField("cgroup", []flagField{
		{"v1", true}, {"v2", true}, {"systemd", false}, {"systemdUser", false}, {"rdma", false},
	})
	w.key("seccomp")
	w.seccompFeatures()
	w.flagsField("apparmor", []flagField{{"enabled", true}})
	w.flagsField("selinux", []flagField{{"enabled", true}})
	w.flagsField("intelRdt", []flagField{{"enabled", false}})
	w.key("mountExtensions")
	w.open('{')
	w.flagsField("idmap", []flagField{{"enabled", false}})
	w.close('}')
	w.flagsField("netDevices", []flagField{{"enabled", false}})
	w.close('}')
}

// seccompFeatures leaves out what a listener is needed for. Every flag that is
// left came before Linux 5.14.
func (w *jsonWriter) seccompFeatures() {
	without := func(list []string, name string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
	}
	w.open('{')
	w.boolField("enabled", true)
	w.listField("actions", without(bundles.KnownSeccompActions(), string(specs.ActNotify)))
	w.listField("operators", bundles.KnownSeccompOperators())
	w.listField("archs", bundles.KnownSeccompArchs())
	w.listField("knownFlags", bundles.KnownSeccompFlags())
	w.listField("supportedFlags", without(bundles.KnownSeccompFlags(), string(specs.LinuxSeccompFlagWaitKillableRecv)))
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
