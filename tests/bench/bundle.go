package main

import (
	"errors"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"minirun/tests/rig"
)

// bundles makes the three bundles. Every tool gets the same ones.
func (b *benchmark) bundles() error {
	docker, err := rig.Recorded("docker")
	if err != nil {
		return err
	}
	if err := rig.Adapt(docker, b.dir, "bench"); err != nil {
		return err
	}
	docker.Hooks = nil // a daemon's, and its time would be everybody's
	docker.Process.Args = []string{"true"}
	var plainErr, idleErr, dockErr error
	b.plain, plainErr = b.bundle("plain", plain("true"))
	b.idle, idleErr = b.bundle("idle", plain("sleep", "1000"))
	b.dock, dockErr = b.bundle("docker", docker)
	return errors.Join(plainErr, idleErr, dockErr)
}

// bundle writes a config.json that all the tools read, beside a busybox.
func (b *benchmark) bundle(name string, s *specs.Spec) (string, error) {
	s.Version = "1.0.2" // crun 1.8 knows no later one
	s.Linux.CgroupsPath = ""
	dir := filepath.Join(b.dir, name)
	if err := rig.MakeRootfs(filepath.Join(dir, "rootfs")); err != nil {
		return "", err
	}
	return dir, rig.WriteBundle(dir, s)
}

// plain is the config.json of `spec`, with a command.
func plain(args ...string) *specs.Spec {
	s := rig.Spec("bench")
	s.Process.Args = args
	return s
}
