package runtime

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"minirun/bundles"
	"minirun/nsinit"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// copyUp makes the tmpfs of mounts[i] and fills it with what it will cover.
// The mount is detached: the image attaches it, and nothing of the host's
// mount table changes. Neither side of the copy follows a symlink out of the
// root file system: os.Root, and every name below a descriptor.
func (b *birth) copyUp(i int) (int, error) {
	m := &b.bundle.Spec.Mounts[i]
	mount, err := b.detachedTmpfs(m, b.facts.Mounts[i].TargetMode)
	if err != nil {
		return -1, err
	}
	err = b.ownByRoot(mount)
	if err == nil {
		err = copyInto(mount, b.facts.Root, m.Destination)
	}
	if err != nil {
		unix.Close(mount)
		return -1, err
	}
	return mount, nil
}

// ownByRoot gives a mount that minirun made to the root of a user namespace.
func (b *birth) ownByRoot(mount int) error {
	l := b.bundle.Spec.Linux
	if !hasUser(l) || len(l.UIDMappings) == 0 || len(l.GIDMappings) == 0 {
		return nil
	}
	uid, _ := bundles.MapID(l.UIDMappings, 0)
	gid, _ := bundles.MapID(l.GIDMappings, 0)
	if err := unix.Fchownat(mount, "", int(uid), int(gid), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("fchownat: %w", err)
	}
	return nil
}

func (b *birth) detachedTmpfs(m *specs.Mount, mode uint32) (int, error) {
	opts, err := bundles.ParseMount(m)
	if err != nil {
		return -1, err
	}
	ctx, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(ctx)
	data := opts.Data
	if mode != 0 {
		data = append([]bundles.KV{{Key: "mode", Value: strconv.FormatUint(uint64(mode), 8)}}, data...)
	}
	if text := nsinit.MountLabel(b.bundle.Spec.Linux, b.facts, "tmpfs", data); text != "" {
		data = append(slices.Clip(data), bundles.KV{Key: "context", Value: text})
	}
	for _, d := range data {
		if err := configure(ctx, d); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("fsconfig: %w", err)
	}
	mount, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, int(opts.Attr.Set&^unix.MOUNT_ATTR_RDONLY))
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return mount, nil
}

func configure(ctx int, d bundles.KV) error {
	var err error
	if d.Flag {
		err = unix.FsconfigSetFlag(ctx, d.Key)
	} else {
		err = unix.FsconfigSetString(ctx, d.Key, d.Value)
	}
	if err != nil {
		return fmt.Errorf("option %s=%s: %w", d.Key, d.Value, err)
	}
	return nil
}

func copyInto(mount int, root, dest string) error {
	from, err := openIn(root, dest, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == unix.ENOENT {
		return nil // nothing is covered
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", dest, err)
	}
	defer unix.Close(from)
	src, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(from))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(mount))
	if err != nil {
		return err
	}
	defer dst.Close()
	return fs.WalkDir(src.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if err := copyEntry(src, dst, filepath.FromSlash(path), e); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		return nil
	})
}

// copyEntry copies one directory, file or symlink with mode, owner and times.
// Sockets, devices and pipes stay behind, as with runc.
func copyEntry(src, dst *os.Root, path string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case 0:
		err = copyFile(src, dst, path)
	case fs.ModeDir:
		err = dst.Mkdir(path, 0o700)
	case fs.ModeSymlink:
		var to string
		if to, err = src.Readlink(path); err == nil {
			err = dst.Symlink(to, path)
		}
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return copyMeta(dst, path, info)
}

func copyFile(src, dst *os.Root, path string) error {
	in, err := src.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := dst.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := out.ReadFrom(in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func copyMeta(dst *os.Root, path string, info fs.FileInfo) error {
	st := info.Sys().(*syscall.Stat_t)
	if err := dst.Lchown(path, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	if err := dst.Chmod(path, info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return dst.Chtimes(path, info.ModTime(), info.ModTime())
}
