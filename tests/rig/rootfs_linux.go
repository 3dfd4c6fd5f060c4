package rig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Busybox is the distribution's statically linked busybox.
func Busybox() (string, error) {
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if _, err := os.Stat(path); err == nil && static(path) {
			return path, nil
		}
	}
	return "", errors.New("no static busybox: apt-get install busybox-static")
}

// static tells that an ELF file asks for no interpreter: a program linked
// dynamically has the loader's name in its first page.
func static(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	page := make([]byte, 4096)
	n, _ := f.Read(page)
	return !bytes.Contains(page[:n], []byte("/ld-"))
}

// directories of every root file system that the rig makes.
var directories = []string{"bin", "dev", "etc", "home", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var"}

// MakeRootfs makes a root file system with busybox and its applets.
func MakeRootfs(dir string) error {
	busybox, err := Busybox()
	if err != nil {
		return err
	}
	if err := MakeDirs(dir); err != nil {
		return err
	}
	if err := Copy(busybox, filepath.Join(dir, "bin/busybox")); err != nil {
		return err
	}
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("list applets of %s: %w", busybox, err)
	}
	for name := range bytes.FieldsSeq(list) {
		if string(name) == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", string(name))); err != nil {
			return err
		}
	}
	return nil
}

// MakeDirs makes the directories and the accounts of a root file system.
func MakeDirs(dir string) error {
	for _, d := range directories {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	return errors.Join(
		os.Chmod(filepath.Join(dir, "tmp"), 0o1777|os.ModeSticky),
		os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/group"), []byte("root:x:0:\ntty:x:5:\nuser:x:1000:\n"), 0o644))
}

// Copy makes a copy of a program, by a reflink where there is one. It
// never is a hard link: what a container writes must not reach the original.
func Copy(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err == nil {
		return dst.Close()
	}
	_, err = dst.ReadFrom(src)
	return errors.Join(err, dst.Close())
}
