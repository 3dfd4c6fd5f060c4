package nsinit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"minirun/bundles"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func (b *builder) readMounts() error {
	b.options = make([]bundles.MountOptions, len(b.spec.Mounts))
	for i := range b.spec.Mounts {
		opts, err := bundles.ParseMount(&b.spec.Mounts[i])
		if err != nil {
			return fmt.Errorf("mounts[%d]: %w", i, err)
		}
		b.options[i] = opts
	}
	return nil
}

// mounts attaches config.json's mounts in order, each built detached and then
// moved, by descriptors at both ends, onto its place below the root.
func (b *builder) mounts() {
	for i, m := range b.spec.Mounts {
		opts := b.options[i]
		b.mount(mounting{
			Mount: m, opts: opts, facts: b.mountFacts(i), index: i, dest: clean(m.Destination),
			why: fmt.Sprintf("mounts[%d]: %s on %s", i, mountName(m, opts), m.Destination),
		})
	}
}

func (b *builder) mountFacts(i int) MountFacts {
	if i < len(b.facts.Mounts) {
		return b.facts.Mounts[i]
	}
	return MountFacts{}
}

func mountName(m specs.Mount, opts bundles.MountOptions) string {
	if opts.Bind {
		return m.Source
	}
	return m.Type
}

// mounting is one entry of mounts on its way into the plan.
type mounting struct {
	specs.Mount
	opts  bundles.MountOptions
	facts MountFacts
	index int
	dest  string
	why   string
	v1    bool // one hierarchy of a v1 host
}

func (b *builder) mount(m mounting) {
	if err := insideProc(m); err != nil {
		b.fail("mounts[%d]: %w", m.index, err)
		return
	}
	switch {
	case m.opts.Remount:
		b.remount(m)
	case m.facts.Detached:
		fd := &Cell{Name: "mount"}
		b.do(m.why+", made ready by minirun", Set{Cell: fd, A: b.fd(Inherit{Role: RoleMount, N: m.index})})
		b.place(m, fd)
	case m.opts.Bind:
		b.bind(m)
	case m.Type == "cgroup" && !b.unifiedHost():
		b.cgroupTree(m)
	case m.Type == "cgroup" || m.Type == "cgroup2":
		b.cgroupUnified(m)
	case m.Type == "sysfs" && b.foreignNet():
		b.sysfs(m)
	default:
		b.place(m, b.filesystem(m))
	}
}

// insideProc refuses to cover what PID 1 and its observers must be able to
// trust (CVE-2019-16884): nothing but a procfs on /proc, and below it only the
// files that runc allows (lxcfs covers them).
func insideProc(m mounting) error {
	rest, inside := strings.CutPrefix(m.dest+"/", "/proc/")
	if !inside || rest == "" && (m.Type == "proc" || m.opts.Bind && clean(m.Source) == "/proc") {
		return nil
	}
	if rest == "" {
		return fmt.Errorf("%q on /proc: only a procfs may be mounted there", mountName(m.Mount, m.opts))
	}
	allowed := [...]string{"cpuinfo/", "diskstats/", "meminfo/", "stat/", "swaps/", "uptime/", "loadavg/", "slabinfo/",
		"net/dev/", "sys/kernel/ns_last_pid/", "sys/crypto/fips_enabled/"}
	if slices.Contains(allowed[:], rest) {
		return nil
	}
	return fmt.Errorf("%q cannot be mounted because it is inside /proc", m.dest)
}

// bind copies the tree at the source and changes the copy's attributes.
func (b *builder) bind(m mounting) {
	fd, opened := b.sources[earlyMount(m.index)]
	if !opened {
		fd = b.open(m.why, "mount", "open_tree", atFDCWD, str(m.Source), bindFlags(m.opts.Recursive))
		b.idmap(m.why, m.index, fd)
	}
	if m.opts.Attr != (bundles.MountAttr{}) {
		b.setattr(m.why, fd, m.opts.Attr, false)
	}
	b.place(m, fd)
}

func bindFlags(recursive bool) Arg {
	if recursive {
		return sym(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE")
	}
	return sym(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")
}

// filesystem makes a new filesystem of the mount's type, detached.
func (b *builder) filesystem(m mounting) *Cell {
	fs := b.open(m.why, "fs", "fsopen", str(m.fsType()), fsopenCloexec)
	if m.Source != "" {
		b.configure(m.why, fs, "source", m.Source)
	}
	for _, flag := range m.opts.SBFlags {
		if flag != "ro" || !m.late() {
			b.configureFlag(m.why, fs, flag)
		}
	}
	data := m.data()
	b.configureAll(m.why, fs, data)
	if text := b.mountLabel(m.fsType(), data); text != "" {
		b.configure(m.why, fs, "context", text)
	}
	b.create(m.why, fs)
	fd := b.open(m.why, "mount", "fsmount", Val{fs}, fsmountCloexec, attrArg(m.attrs()))
	b.close(fs)
	b.labelRoot(m, fd)
	return fd
}

// foreignNet says that the network namespace may not be the user namespace's
// own, and a sysfs, which shows it, may not be mounted.
func (b *builder) foreignNet() bool {
	return b.ns.has(unix.CLONE_NEWUSER) && b.ns.created&unix.CLONE_NEWNET == 0
}

// sysfs is a new one where the kernel allows it, and else the host's, as runc
// and crun have it, with all that is mounted there as the options say.
func (b *builder) sysfs(m mounting) {
	fd, bind, both := &Cell{Name: "mount"}, b.fresh("bind"), b.fresh("both")
	allowed := &Cell{Name: "fs"}
	why := m.why + ": may it show this network namespace?"
	b.do(why, Call{Name: "fsopen", Args: []Arg{str("sysfs"), fsopenCloexec}, Result: allowed, On: divert(bind, unix.EPERM)})
	b.close(allowed)
	b.do(m.why, Set{Cell: fd, A: Val{b.filesystem(m)}})
	b.do("it is made", Goto{To: both})
	b.here(bind)
	why = m.why + ": the host's, because the network namespace is not the container's"
	b.do(why, Call{Name: "open_tree", Args: []Arg{atFDCWD, str("/sys"), bindFlags(true)}, Result: fd})
	if attr := m.opts.Attr; attr != (bundles.MountAttr{}) {
		b.setattr(why, fd, attr, true)
	}
	b.here(both)
	b.place(m, fd)
}

// fsType is the kernel's name: on a pure v2 host "cgroup" means cgroup2.
func (m mounting) fsType() string {
	if m.Type == "cgroup" && !m.v1 {
		return "cgroup2"
	}
	return m.Type
}

// data are the filesystem's own options. A tmpfs without a mode takes the
// mode of the directory that it covers, as with runc.
func (m mounting) data() []bundles.KV {
	if m.Type != "tmpfs" || m.facts.TargetMode == 0 || slices.ContainsFunc(m.opts.Data, isMode) {
		return m.opts.Data
	}
	return append(slices.Clone(m.opts.Data), bundles.KV{Key: "mode", Value: strconv.FormatUint(uint64(m.facts.TargetMode), 8)})
}

func isMode(d bundles.KV) bool { return d.Key == "mode" }

// late says that the mount must stay writable while the rest is set up.
func (m mounting) late() bool {
	return m.opts.Attr.Set&unix.MOUNT_ATTR_RDONLY != 0 && !m.opts.Bind && (m.Type == "tmpfs" || m.dest == "/dev")
}

func (m mounting) attrs() uint64 {
	if m.late() {
		return m.opts.Attr.Set &^ unix.MOUNT_ATTR_RDONLY
	}
	return m.opts.Attr.Set
}

// place moves a detached mount to its destination, and is done with it.
func (b *builder) place(m mounting, fd *Cell) {
	b.put(m, fd)
	b.keep(m, fd)
}

// put moves a detached mount to its destination.
func (b *builder) put(m mounting, fd *Cell) {
	if m.opts.RecAttr != (bundles.MountAttr{}) {
		b.setattr(m.why, fd, m.opts.RecAttr, true)
	}
	resolve := uint64(resolveIn)
	if m.Type == "proc" || m.Type == "sysfs" {
		resolve = resolveReal // a symlinked /proc would redirect all that is read and written there (CVE-2019-19921)
	}
	at := b.target(m.why, m.dest, !m.opts.Bind || !m.facts.File, resolve)
	if m.opts.Bind && !strings.HasPrefix(m.dest+"/", "/proc/") {
		b.notProc(m, at)
	}
	b.call(m.why, "move_mount", Val{fd}, empty, Val{at}, empty, moveBoth)
	b.close(at)
	for _, p := range m.opts.Propagation {
		b.propagate(m.why, Val{fd}, "", p)
	}
}

// keep holds on to a mount that a later phase needs, and closes any other.
func (b *builder) keep(m mounting, fd *Cell) {
	switch {
	case m.late():
		b.frozen = append(b.frozen, late{fd, m.why + ": read-only at last"})
	case m.Type == "devpts" && m.dest == "/dev/pts" && b.facts.Console:
		b.pts = fd
	default:
		b.close(fd)
	}
}

// notProc refuses a bind mount that a symlink leads into /proc: what is
// written there later would go to a file of the image's choice (CVE-2019-16884).
func (b *builder) notProc(m mounting, at *Cell) {
	stfs, ok := space(120, "statfs"), b.fresh("outside")
	b.call(m.why+": on which filesystem?", "fstatfs", Val{at}, Ptr{Data: stfs})
	b.do("not on procfs", If{Cell: &Cell{Name: "f_type", Data: stfs}, Cmp: Ne,
		Value: sym(unix.PROC_SUPER_MAGIC, "PROC_SUPER_MAGIC"), To: ok})
	b.do("on procfs", Fail{Errno: unix.ELOOP, Message: fmt.Sprintf("mounts[%d]: %q leads into /proc", m.index, m.Destination)})
	b.here(ok)
}

// remount changes a mount that is there already.
func (b *builder) remount(m mounting) {
	at := b.target(m.why, m.dest, false, resolveIn)
	if len(m.opts.Data) > 0 && !m.opts.Bind {
		fs := b.open(m.why, "fs", "fspick", Val{at}, empty, sym(unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH, "FSPICK_CLOEXEC|FSPICK_EMPTY_PATH"))
		b.configureAll(m.why, fs, m.opts.Data)
		b.call(m.why, "fsconfig", Val{fs}, sym(unix.FSCONFIG_CMD_RECONFIGURE, "FSCONFIG_CMD_RECONFIGURE"), null, null, num(0))
		b.close(fs)
	}
	b.setattr(m.why, at, m.opts.Attr, false)
	if m.opts.RecAttr != (bundles.MountAttr{}) {
		b.setattr(m.why, at, m.opts.RecAttr, true)
	}
	b.close(at)
}
