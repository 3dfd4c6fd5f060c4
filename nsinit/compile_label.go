package nsinit

import (
	"slices"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A lsmLabel is text of a security module's for the next execve, and the file of
// /proc/thread-self/attr that takes it. The file is opened while the procfs is
// at hand, and written when the program is found: a profile that does not
// exist is an error of create.
type lsmLabel struct {
	why, text string
	fd        *Cell
}

// openLabels opens what process.selinuxLabel and process.apparmorProfile are
// written to. A host without the module refuses them, as runc does, in its words.
func (b *builder) openLabels() {
	p := b.spec.Process
	switch {
	case p.SelinuxLabel != "" && !b.facts.SELinux:
		b.fail("process.selinuxLabel: selinux label is specified in config, but selinux is disabled or not supported")
		return
	case p.ApparmorProfile != "" && b.facts.AppArmor == "":
		b.fail("process.apparmorProfile: apparmor: config provided but apparmor not supported")
		return
	}
	if p.SelinuxLabel != "" {
		if !b.facts.NoNewKeyring {
			b.keycreate = b.openAttr("process.selinuxLabel, of the session keyring", "attr/keycreate")
		}
		b.openLabel("process.selinuxLabel", "attr/exec", p.SelinuxLabel)
	}
	if p.ApparmorProfile != "" {
		b.openLabel("process.apparmorProfile", b.facts.AppArmor, "exec "+p.ApparmorProfile)
	}
	b.closeProcfs()
}

func (b *builder) openLabel(why, attr, text string) {
	b.labelled = append(b.labelled, lsmLabel{why, text, b.openAttr(why, attr)})
}

// openAttr opens a file of the process's own: the kernel takes what is written
// there from nobody else (proc_pid_attr_write, fs/proc/base.c).
func (b *builder) openAttr(why, attr string) *Cell {
	const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS
	how := words("{flags=O_WRONLY|O_CLOEXEC, resolve=RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS}",
		unix.O_WRONLY|unix.O_CLOEXEC, 0, resolve)
	return b.open(why, "attr", "openat2", Val{b.procfs()}, str("thread-self/"+attr), b.shared(how), num(len(how.Bytes)))
}

// writeLabels writes them. They take effect with the execve.
func (b *builder) writeLabels() {
	for _, l := range b.labelled {
		b.call(l.why, "write", Val{l.fd}, str(l.text), num(len(l.text)))
		b.close(l.fd)
	}
}

// keyring gives the process a session keyring of its own, with its label.
func (b *builder) keyring() {
	if b.facts.NoNewKeyring {
		return
	}
	text := b.spec.Process.SelinuxLabel
	if b.keycreate != nil {
		b.call("process.selinuxLabel, of the session keyring", "write", Val{b.keycreate}, str(text), num(len(text)))
	}
	b.do("a session keyring of its own", Call{Name: "keyctl", On: tolerate(unix.ENOSYS, unix.EPERM),
		Args: []Arg{sym(unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"), str("_ses." + b.facts.ID)}})
	if b.keycreate != nil {
		b.call("keys of the program's are its own affair", "write", Val{b.keycreate}, empty, num(0))
		b.close(b.keycreate)
	}
}

// mountLabel is linux.mountLabel for a new file system; nothing where SELinux
// is off, or where the kernel labels by path (proc, sysfs, cgroup), or where
// config.json says it itself.
func (b *builder) mountLabel(fsType string, data []bundles.KV) string {
	return MountLabel(b.spec.Linux, b.facts, fsType, data)
}

// MountLabel is the option context= of a new file system of a type with these
// options of its own; empty for none.
func MountLabel(l *specs.Linux, f Facts, fsType string, data []bundles.KV) string {
	if l == nil || !f.SELinux || slices.ContainsFunc(data, isContext) {
		return ""
	}
	switch fsType {
	case "proc", "sysfs", "cgroup", "cgroup2", "mqueue":
		return ""
	}
	return l.MountLabel
}

func isContext(d bundles.KV) bool { return d.Key == "context" }

// labelRoot labels the root of an mqueue, which takes no option.
func (b *builder) labelRoot(m mounting, mount *Cell) {
	text := b.spec.Linux.MountLabel
	if m.Type != "mqueue" || text == "" || !b.facts.SELinux {
		return
	}
	dir := b.open(m.why+": linux.mountLabel", "dir", "openat", Val{mount}, str("."),
		sym(unix.O_RDONLY|unix.O_CLOEXEC|b.abi.directory, "O_RDONLY|O_CLOEXEC|O_DIRECTORY"))
	b.call(m.why+": linux.mountLabel", "fsetxattr", Val{dir}, str("security.selinux"), str(text), num(len(text)), num(0))
	b.close(dir)
}

// Ignored are the properties that have no effect on this host, for a warning.
func Ignored(spec *specs.Spec, f Facts) []string {
	if l := spec.Linux; l != nil && l.MountLabel != "" && !f.SELinux {
		return []string{"linux.mountLabel: SELinux is off on this host, and no mount is labelled"}
	}
	return nil
}
