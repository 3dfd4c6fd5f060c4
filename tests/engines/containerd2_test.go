package engines

import (
	"os"
	"os/exec"
	"path/filepath"

	"minirun/tests/rig"
)

// containerd of today, from its Go module.
const (
	containerdModule  = "github.com/containerd/containerd/v2"
	containerdVersion = "v2.4.2"
	// what the tests do not use, and would have to be compiled
	containerdTags = "no_btrfs no_devmapper no_zfs no_blockfile no_erofs no_tracing"
)

// containerd2 builds containerd, its shim and ctr, once, in the user's cache directory.
func containerd2(r *rig.Rig) server {
	r.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "minirun", "containerd", containerdVersion)
	binary := filepath.Join(dir, "containerd")
	complete := filepath.Join(dir, "complete-3")
	if _, err := os.Stat(complete); err != nil {
		cmd := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", "-tags", containerdTags,
			containerdModule+"/cmd/containerd@"+containerdVersion, containerdModule+"/cmd/containerd-shim-runc-v2@"+containerdVersion,
			containerdModule+"/cmd/ctr@"+containerdVersion)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOBIN="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			r.Fatalf("go install containerd: %v\n%s", err, out)
		}
		if err := os.WriteFile(complete, nil, 0o644); err != nil {
			r.Fatal(err)
		}
	}
	// containerd looks for its shim in PATH.
	r.TB.(interface{ Setenv(string, string) }).Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return server{binary: binary, ctr: filepath.Join(dir, "ctr"), version: 2}
}
