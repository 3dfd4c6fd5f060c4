package nsinit

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctls writes linux.sysctl.
func (b *builder) sysctls() {
	set := b.spec.Linux.Sysctl
	if len(set) == 0 {
		return
	}
	proc := b.procfs()
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b.sysctl(proc, k, set[k])
	}
}

// procfs is a procfs that nothing of the root file system can stand in for:
// mounted for this, attached nowhere (CVE-2025-52881).
func (b *builder) procfs() *Cell {
	if b.proc != nil {
		return b.proc
	}
	const why = "a procfs that only minirun sees"
	fs := b.open(why, "fs", "fsopen", str("proc"), fsopenCloexec)
	b.create(why, fs)
	b.proc = b.open(why, "proc", "fsmount", Val{fs}, fsmountCloexec, num(0))
	b.close(fs)
	return b.proc
}

func (b *builder) closeProcfs() {
	if b.proc != nil {
		b.close(b.proc)
		b.proc = nil
	}
}

func (b *builder) sysctl(proc *Cell, key, value string) {
	why := "linux.sysctl " + key
	path := "sys/" + strings.ReplaceAll(key, ".", "/")
	if strings.Contains(key, "/") {
		path = "sys/" + key // the other spelling of sysctl(8), for interface names with a dot
	}
	const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS
	how := words("{flags=O_WRONLY|O_CLOEXEC, resolve=RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}",
		unix.O_WRONLY|unix.O_CLOEXEC, 0, resolve)
	fd := b.open(why, "sysctl", "openat2", Val{proc}, str(path), b.shared(how), num(len(how.Bytes)))
	b.call(why, "write", Val{fd}, str(value), num(len(value)))
	b.close(fd)
}
