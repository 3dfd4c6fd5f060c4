package rig

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// debianPackages are what the Debian root file system is for; the packages
// that these need come with them.
var debianPackages = []string{"bash", "coreutils", "procps", "python3-minimal"}

// Debian is a root file system of Debian's (or Ubuntu's) own packages, unpacked
// once and kept in the cache directory. It is for reading only.
func Debian() (string, error) {
	cache := filepath.Join(cmp.Or(os.Getenv("XDG_CACHE_HOME"), "/var/tmp"), "minirun-tests")
	dir := filepath.Join(cache, "debian-"+runtime.GOARCH)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := unpackDebian(tmp); err != nil {
		return "", err
	}
	return dir, os.Rename(filepath.Join(tmp, "root"), dir)
}

// unpackDebian makes tmp/root.
func unpackDebian(tmp string) error {
	names, err := withDependencies(debianPackages)
	if err != nil {
		return err
	}
	if _, err := command(tmp, "apt-get", append([]string{"-qq", "download"}, names...)...); err != nil {
		return err
	}
	root := filepath.Join(tmp, "root")
	if err := usrMerged(root); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		line := `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`
		if _, err := command(tmp, "sh", "-c", line, "sh", deb, root); err != nil {
			return err
		}
	}
	return MakeDirs(root)
}

// usrMerged makes the top-level links that Debian's packages rely on.
func usrMerged(root string) error {
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", name), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return nil
}

// withDependencies asks apt for the packages that the given ones need.
func withDependencies(names []string) ([]string, error) {
	args := []string{"depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"}
	out, err := command("/", "apt-cache", append(args, names...)...)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(out) {
		name := strings.TrimSpace(line)
		// Left-aligned lines name packages; <name> is virtual, and what is for
		// dpkg's configuration is not needed to run.
		if line[0] != ' ' && line[0] != '<' && !slices.Contains(all, name) && !strings.HasPrefix(name, "debconf") && !strings.HasPrefix(name, "cdebconf") {
			all = append(all, name)
		}
	}
	return all, nil
}

// command runs a program and is its output, with its words in the error.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}
