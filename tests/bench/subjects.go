package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"minirun/tests/rig"
)

// A subject is a program that is measured.
type subject struct {
	name    string // heads its column
	kind    string // "unshare", or a rig.Kind
	path    string
	version string
}

// find is minirun first, then the peers that there are.
func find(minirun string, peers []string) ([]subject, error) {
	own, err := rig.Identify(minirun)
	if err != nil {
		return nil, err
	}
	all := []subject{{"minirun", string(rig.Minirun), own.Path, own.Version}}
	for _, p := range peers {
		if filepath.Base(p) == "unshare" {
			all = append(all, unshare()...)
			continue
		}
		rt, err := rig.Identify(p)
		if err != nil {
			fmt.Fprintf(os.Stderr, "without %s: %v\n", p, err)
			continue
		}
		all = append(all, subject{heading(rt), string(rt.Kind), rt.Path, rt.Version})
	}
	return all, nil
}

// bring copies what is measured to the stage, each file in one piece, so that
// all are in the page cache alike: by huge folios, not as a linker or dpkg has
// written them.
func (s *stage) bring(subjects []subject) error {
	for i := range subjects {
		from, dir := subjects[i].path, filepath.Join(s.dir, "bin", strconv.Itoa(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		beside := filepath.Join(filepath.Dir(from), "minirun-observe")
		for _, file := range []string{from, beside} {
			text, err := os.ReadFile(file)
			if file == beside && os.IsNotExist(err) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o755)
			}
			if err != nil {
				return err
			}
		}
		subjects[i].path = filepath.Join(dir, filepath.Base(from))
	}
	return nil
}

// heading is the kind and the version of a runtime.
func heading(rt rig.Runtime) string {
	f := strings.Fields(rt.Version)
	return string(rt.Kind) + " " + f[len(f)-1]
}

// unshare is util-linux's program, where there is one.
func unshare() []subject {
	path, err := exec.LookPath("unshare")
	if err != nil {
		fmt.Fprintln(os.Stderr, "without unshare:", err)
		return nil
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "without unshare:", err)
		return nil
	}
	return []subject{{"unshare", "unshare", path, string(bytes.TrimSpace(out))}}
}
