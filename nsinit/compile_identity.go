package nsinit

import (
	"fmt"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// identity turns the process into the container's user. The order is the
// kernel's: the bounding set needs CAP_SETPCAP, ids need CAP_SETUID, and the
// change of ids clears what capset sets again.
func (b *builder) identity() {
	p := b.spec.Process
	b.stdio(p.User.UID)
	b.rlimits(p.Rlimits)
	b.scheduling()
	b.keyring()
	b.inCwd = &Cell{Name: "entered"}
	b.do("process.cwd, while still privileged", Call{Name: "chdir", Args: []Arg{str(b.cwd())},
		Result: b.inCwd, On: tolerate(unix.EACCES)})
	caps := b.filterCaps(newCapSets(p.Capabilities, b.facts))
	b.dropBounding(caps.bounding)
	b.ids(p.User, caps)
	b.capabilities(caps)
	b.readable() // which the change of ids has undone
	if p.NoNewPrivileges {
		b.call("process.noNewPrivileges", "prctl", sym(unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"),
			num(1), num(0), num(0), num(0))
	}
	b.enterCwd()
	mask := uint32(0o022)
	if p.User.Umask != nil {
		mask = *p.User.Umask
	}
	b.call("process.user.umask", "umask", octal(mask))
}

func (b *builder) cwd() string { return clean(b.spec.Process.Cwd) }

// enterCwd changes into process.cwd as the container's user, when root could
// not, and proves that the kernel sees it inside the root: getcwd(2) answers
// "(unreachable)…" for a directory that a leaked descriptor led to (CVE-2024-21626).
func (b *builder) enterCwd() {
	entered, inside := b.fresh("entered"), b.fresh("inside")
	b.do("process.cwd entered already", If{Cell: b.inCwd, Cmp: Eq, Value: num(0), To: entered})
	b.call("process.cwd, as the container's user", "chdir", str(b.cwd()))
	b.here(entered)
	buf := space(unix.PathMax, "cwd")
	b.call("where is that?", "getcwd", Ptr{Data: buf}, num(unix.PathMax))
	b.do("below the container's root", If{Cell: &Cell{Name: "cwd", Data: buf}, Mask: 0xff, Cmp: Eq,
		Value: sym('/', "'/'"), To: inside})
	b.do("outside", Fail{Errno: unix.EXDEV, Message: fmt.Sprintf("process.cwd %q leads out of the container's root file system", b.spec.Process.Cwd)})
	b.here(inside)
}

// stdio hands pipes and terminals on 0, 1 and 2 to the container's user, who
// could otherwise not reopen /dev/stderr. Files and devices stay whose they are.
func (b *builder) stdio(uid uint32) {
	if b.facts.Console || b.stdioDone {
		return
	}
	for fd, s := range b.facts.Stdio {
		if s.Owned && (s.UID != int(uid) || b.inUser) {
			b.do("the container's user may reopen its own standard streams", Call{Name: "fchown",
				Args: []Arg{num(fd), num(int(uid)), num(-1)}, On: tolerate(unix.EPERM, unix.EINVAL, unix.EROFS)})
		}
	}
}

func (b *builder) rlimits(limits []specs.POSIXRlimit) {
	for _, l := range limits {
		res, ok := bundles.Rlimit(l.Type)
		if !ok {
			b.fail("process.rlimits: unknown type %q", l.Type)
			return
		}
		v := words(fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", limitText(l.Soft), limitText(l.Hard)), l.Soft, l.Hard)
		b.call(fmt.Sprintf("process.rlimits: %s soft %s hard %s", l.Type, limitText(l.Soft), limitText(l.Hard)),
			"prlimit64", num(0), sym(uint64(res), l.Type), Ptr{Data: v}, null)
	}
}

func limitText(v uint64) string {
	if v == unix.RLIM_INFINITY {
		return "RLIM64_INFINITY"
	}
	return fmt.Sprint(v)
}

func (b *builder) ids(u specs.User, caps capSets) {
	if u.UID != 0 && caps.permitted != 0 {
		b.call("keep capabilities over the change of ids", "prctl", sym(unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"), num(1))
	}
	groups := Ptr{Data: halves(fmt.Sprint(u.AdditionalGids), u.AdditionalGids...)}
	if len(u.AdditionalGids) == 0 {
		groups = Ptr{Data: space(4, "[]")}
	}
	set := Call{Name: "setgroups", Args: []Arg{num(len(u.AdditionalGids)), groups}}
	if len(u.AdditionalGids) == 0 {
		set.On = b.deniedGroups()
	}
	b.do("process.user.additionalGids", set)
	gid, uid := num(int(u.GID)), num(int(u.UID))
	b.call("process.user.gid", "setresgid", gid, gid, gid)
	b.call("process.user.uid", "setresuid", uid, uid, uid)
	if u.UID != 0 && caps.permitted != 0 {
		b.call("no longer", "prctl", sym(unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"), num(0))
	}
}
