package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"

	"minirun/bundles"
	"minirun/cgroups"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// gatherFacts looks at the host and at minirun itself for what Compile has to
// know. It changes nothing.
func gatherFacts(b *bundles.Bundle, h *cgroups.Host, g *cgroups.Group) (nsinit.Facts, error) {
	f := nsinit.Facts{Arch: goruntime.GOARCH, Root: rootPath(b), Bundle: b.Dir}
	if err := checkRoot(f.Root); err != nil {
		return f, err
	}
	var err error
	if f.RootMount, err = mountOf(f.Root); err != nil {
		return f, err
	}
	self, err := readFileAt(unix.AT_FDCWD, "/proc/self/status")
	if err != nil {
		return f, fmt.Errorf("read /proc/self/status: %w", err)
	}
	readSelf(&f, string(self))
	for fd := range f.Stdio {
		f.Stdio[fd] = stdioOf(fd)
	}
	if f.Mounts, err = mountFacts(b, f.Root); err != nil {
		return f, err
	}
	f.Cgroups = cgroupMounts(b.Spec, h, g)
	f.Home = homeOf(b, f.Root)
	f.CopiesDetached = b.Spec.Linux != nil && len(b.Spec.Linux.MaskedPaths) > 0 && copiesDetached()
	labelFacts(&f, b.Spec)
	err = userFacts(&f, b.Spec)
	return f, err
}

// copiesDetached asks for a call of the same release: open_tree_attr(2) came
// with Linux 6.15, as did the copying of detached mounts (fs/namespace.c,
// may_copy_tree). To try the copying itself would cost every start two waits
// for RCU. EINVAL is for an attribute structure of 1 byte; any other answer
// means no, and a plan that does not rely on it works everywhere.
func copiesDetached() bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_OPEN_TREE_ATTR, ^uintptr(0), 0, 0, 0, 1, 0)
	return errno == unix.EINVAL
}

// readSelf takes from /proc/self/status what an execve passes on.
func readSelf(f *nsinit.Facts, status string) {
	for line := range strings.SplitSeq(status, "\n") {
		key, value, _ := strings.Cut(line, ":\t")
		switch key {
		case "CapPrm":
			f.Permitted, _ = strconv.ParseUint(value, 16, 64)
		case "CapEff":
			effective, _ := strconv.ParseUint(value, 16, 64)
			f.Rootless = effective&(1<<unix.CAP_SYS_ADMIN) == 0
		case "CapBnd":
			f.Bounding, _ = strconv.ParseUint(value, 16, 64)
		case "SigIgn":
			set, _ := strconv.ParseUint(value, 16, 64)
			for sig := 1; sig <= 64; sig++ {
				if set&(1<<(sig-1)) != 0 {
					f.IgnoredSignals = append(f.IgnoredSignals, sig)
				}
			}
		}
	}
}

func rootPath(b *bundles.Bundle) string { return inBundle(b, b.Spec.Root.Path) }

func inBundle(b *bundles.Bundle, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(b.Dir, path)
}

func checkRoot(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fmt.Errorf("root.path %q: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("root.path %q: %w", path, unix.ENOTDIR)
	}
	return nil
}

// mountOf is the mount point of the mount that path lies in.
func mountOf(path string) (string, error) {
	for {
		var st unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st); err != nil {
			return "", fmt.Errorf("statx %s: %w", path, err)
		}
		if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 || path == "/" {
			return path, nil
		}
		path = filepath.Dir(path)
	}
}

// stdioOf says whether a standard descriptor is a pipe or a terminal, which
// the container's user should own. Not a regular file: that is the host's.
func stdioOf(fd int) nsinit.Stdio {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return nsinit.Stdio{}
	}
	kind := st.Mode & unix.S_IFMT
	null := kind == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	return nsinit.Stdio{Owned: kind == unix.S_IFIFO || kind == unix.S_IFCHR && !null, UID: int(st.Uid)}
}

func mountFacts(b *bundles.Bundle, root string) ([]nsinit.MountFacts, error) {
	facts := make([]nsinit.MountFacts, len(b.Spec.Mounts))
	for i := range b.Spec.Mounts {
		m := &b.Spec.Mounts[i]
		opts, err := bundles.ParseMount(m)
		if err != nil {
			return nil, fmt.Errorf("mounts[%d]: %w", i, err)
		}
		switch {
		case opts.Bind && !opts.Remount:
			m.Source = inBundle(b, m.Source)
			var st unix.Stat_t
			if err := unix.Stat(m.Source, &st); err != nil {
				return nil, fmt.Errorf("mounts[%d]: source %q: %w", i, m.Source, err)
			}
			facts[i].File = st.Mode&unix.S_IFMT != unix.S_IFDIR
		case m.Type == "tmpfs":
			facts[i].TargetMode = modeIn(root, m.Destination)
			facts[i].Detached = opts.TmpCopyUp
		}
	}
	return facts, nil
}

// openIn opens a path of a hostile root file system.
func openIn(root, path string, flags uint64) (int, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	rel := strings.TrimLeft(filepath.Clean("/"+path), "/")
	if rel == "" {
		rel = "."
	}
	return unix.Openat2(dir, rel, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// modeIn is the mode of a directory in the root file system, 0 without one.
func modeIn(root, path string) uint32 {
	fd, err := openIn(root, path, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Mode &^ unix.S_IFMT
}

// cgroupMounts are what a mount of type cgroup shows, if there is one.
func cgroupMounts(spec *specs.Spec, h *cgroups.Host, g *cgroups.Group) []nsinit.CgroupMount {
	for _, m := range spec.Mounts {
		if m.Type == "cgroup" || m.Type == "cgroup2" {
			return hierarchies(h, g)
		}
	}
	return nil
}

func hierarchies(h *cgroups.Host, g *cgroups.Group) []nsinit.CgroupMount {
	var list []nsinit.CgroupMount
	for _, p := range h.Placements(g) {
		m := nsinit.CgroupMount{Name: p.Base, Dir: p.Dir}
		if !p.Unified {
			m.Options = strings.Split(p.Data, ",")
		} else if len(h.V1) == 0 {
			m.Name = ""
		}
		list = append(list, m)
	}
	return list
}

// homeOf is the home directory of the container's user, from the passwd file
// that the container will see; "/" without an entry, as with runc. It is
// looked up only when process.env has no HOME.
func homeOf(b *bundles.Bundle, root string) string {
	for _, e := range b.Spec.Process.Env {
		if strings.HasPrefix(e, "HOME=") {
			return ""
		}
	}
	text, err := passwdOf(b, root)
	if err != nil {
		return "/"
	}
	return homeIn(string(text), b.Spec.Process.User.UID)
}

func passwdOf(b *bundles.Bundle, root string) ([]byte, error) {
	for _, m := range b.Spec.Mounts {
		if filepath.Clean(m.Destination) == "/etc/passwd" {
			return os.ReadFile(m.Source)
		}
	}
	fd, err := openIn(root, "/etc/passwd", unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readAll(fd)
}

// homeIn is the sixth field of the uid's first line in a passwd(5) file.
func homeIn(passwd string, uid uint32) string {
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.SplitSeq(passwd, "\n") {
		if f := strings.Split(line, ":"); len(f) >= 6 && f[2] == want && f[5] != "" {
			return f[5]
		}
	}
	return "/"
}
