package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"minirun/tests/rig"
)

// command runs a program, its output to ours or into out.
func command(out io.Writer, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if out != nil {
		cmd.Stdout = out
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// commit is the commit under test, and whether the tree differs from it.
func commit() (string, error) {
	var out bytes.Buffer
	err := command(&out, "git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*")
	return strings.TrimSpace(out.String()), err
}

// stage writes stage.img: the files of the repository, which tests read, and
// in bin the programs that they would build.
func stage(dir string, suites []suite) error {
	tree := filepath.Join(dir, "stage")
	if err := errors.Join(os.RemoveAll(tree), os.MkdirAll(filepath.Join(tree, "bin"), 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := copyRepository(tree); err != nil {
		return err
	}
	if err := build(filepath.Join(tree, "bin"), suites); err != nil {
		return err
	}
	var lines strings.Builder
	for _, s := range suites {
		line, err := s.line()
		if err != nil {
			return err
		}
		lines.WriteString(line)
	}
	if err := os.WriteFile(filepath.Join(tree, "suites"), []byte(lines.String()), 0o644); err != nil {
		return err
	}
	img := filepath.Join(dir, "stage.img")
	if err := os.RemoveAll(img); err != nil {
		return err
	}
	return command(nil, "mkfs.ext4", "-q", "-F", "-d", tree, img, "1G")
}

// build makes the runtime, what tests/rig would build, and the test binaries.
func build(bin string, suites []suite) error {
	for _, p := range []struct {
		pkg, name string
		flags     []string
	}{
		{"minirun/cmd/minirun", "minirun", nil},
		{"minirun/cmd/minirun", "minirun-faults", []string{"-tags", "faults"}},
		{"minirun/cmd/minirun-observe", "minirun-observe", nil},
		{"minirun/tests/testdata/peek", "peek", nil},
		{"minirun/tests/testdata/threads", "threads", nil},
	} {
		if err := rig.Build(p.pkg, filepath.Join(bin, p.name), p.flags...); err != nil {
			return err
		}
	}
	built := map[string]bool{}
	for _, s := range suites {
		if built[s.pkg] {
			continue
		}
		built[s.pkg] = true
		if err := command(nil, "go", "test", "-c", "-tags=vm", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(bin, s.program()), "./"+s.pkg); err != nil {
			return err
		}
	}
	return nil
}

// copyRepository copies the files that git knows or would.
func copyRepository(to string) error {
	var out bytes.Buffer
	if err := command(&out, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"); err != nil {
		return err
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\x00"), "\x00") {
		info, err := os.Lstat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed and not yet committed
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, text, info.Mode().Perm())); err != nil {
			return err
		}
	}
	return nil
}
