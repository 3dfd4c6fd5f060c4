package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
