package lab

import (
	"fmt"
	"os"
	"path/filepath"
)

// write makes the bundle in dir.
func (s *setup) write(dir string) error {
	rootfs := filepath.Join(dir, "rootfs")
	for _, sub := range []string{"lab", "proc", "dev", "tmp", "sys"} {
		if err := os.MkdirAll(filepath.Join(rootfs, sub), 0o755); err != nil {
			return fmt.Errorf("make bundle: %w", err)
		}
	}
	if s.init != nil {
		if err := s.init.write(rootfs + initPath); err != nil {
			return err
		}
	}
	for i, p := range s.others {
		if err := p.write(rootfs + otherPath(i)); err != nil {
			return err
		}
	}
	var binds []bind
	if s.userland {
		var err error
		if binds, err = mimic("/", rootfs); err != nil {
			return fmt.Errorf("make bundle: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), s.config(binds), 0o644); err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	return nil
}

func (p *program) write(path string) error {
	if err := os.WriteFile(path, p.elf, 0o755); err != nil {
		return fmt.Errorf("make bundle: %w", err)
	}
	return nil
}

// mimic makes rootfs look like the host's root: a mount point for each
// directory, and each symbolic link, as most are of a merged /usr.
func mimic(root, rootfs string) ([]bind, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var binds []bind
	for _, e := range entries {
		target := filepath.Join(rootfs, e.Name())
		switch {
		case notUserland(e.Name()):
		case e.IsDir():
			binds = append(binds, bind{"/" + e.Name()})
			err = os.MkdirAll(target, 0o755)
		case e.Type()&os.ModeSymlink != 0:
			var to string
			if to, err = os.Readlink(filepath.Join(root, e.Name())); err == nil {
				err = os.Symlink(to, target)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return binds, nil
}
