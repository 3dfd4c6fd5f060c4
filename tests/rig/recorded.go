package rig

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

//go:embed configs/*.json
var configs embed.FS

// Recorded is a config.json that an engine wrote, by its name without .json.
func Recorded(name string) (*specs.Spec, error) {
	data, err := configs.ReadFile("configs/" + name + ".json")
	if err != nil {
		return nil, err
	}
	s := new(specs.Spec)
	return s, json.Unmarshal(data, s)
}

// Adapt makes a recorded config run here: its root file system is the
// bundle's, the engine's files are made in dir, and the cgroup is our own. The
// engine's hook, a process of the engine's machine, becomes one of ours.
func Adapt(s *specs.Spec, dir, id string) error {
	s.Root.Path = "rootfs"
	s.Linux.CgroupsPath = "/" + Marker + "/" + id
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if !filepath.IsAbs(m.Source) {
			continue
		}
		m.Source = filepath.Join(dir, strings.ReplaceAll(m.Destination, "/", "_"))
		if err := engineFile(m.Source, m.Destination); err != nil {
			return err
		}
	}
	if s.Hooks != nil {
		script := fmt.Sprintf(`pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'); readlink /proc/$pid/ns/net > %s/hook`, dir)
		//lint:ignore SA1019 docker's hook
		s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}}
	}
	return nil
}

// engineFile makes what an engine binds on a destination: a directory for
// shm, a file for the others.
func engineFile(path, destination string) error {
	if strings.HasSuffix(destination, "shm") {
		return os.MkdirAll(path, 0o777)
	}
	return os.WriteFile(path, []byte("of the engine\n"), 0o644)
}
