// Command bench measures minirun beside whichever of runc, crun and unshare
// the machine has: whole commands, interleaved in one run, medians and ratios.
// It prints a Markdown table and judges nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"minirun/tests/rig"
)

func main() {
	minirun := flag.String("minirun", "bin/minirun", "the minirun to measure")
	runs := flag.Int("n", 60, "runs of each command that count")
	flag.Parse()
	if err := bench(*minirun, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// isolated in the environment says that the mount namespace is our own.
const isolated = "BENCH_ISOLATED"

func bench(minirun string, runs int) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: containers are made")
	}
	if os.Getenv(isolated) == "" {
		return isolate()
	}
	path, err := filepath.Abs(minirun)
	if err != nil {
		return err
	}
	if err := rig.MountMissingV1(); err != nil { // or crun 1.8 starts no container on a hybrid host
		return err
	}
	dir, err := os.MkdirTemp("", "minirun-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tools, err := findTools(path)
	if err != nil {
		return err
	}
	b := &benchmark{dir: dir, runs: runs, tools: tools}
	if err := b.bundles(); err != nil {
		return err
	}
	if err := b.measure(); err != nil {
		return err
	}
	return b.print(os.Stdout)
}

// isolate executes the benchmark again in a mount namespace of its own.
func isolate() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), isolated+"=1"))
}

// A tool is a runtime, or unshare.
type tool struct {
	name, path, version string
}

// findTools are minirun and its peers; minirun is the first.
func findTools(minirun string) ([]tool, error) {
	own, err := rig.Identify(minirun)
	if err != nil {
		return nil, err
	}
	tools := []tool{{"minirun", own.Path, own.Version}}
	for _, name := range []string{"crun", "runc"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		peer, err := rig.Identify(path)
		if err != nil {
			return nil, err
		}
		tools = append(tools, tool{name, path, peer.Version})
	}
	if path, err := exec.LookPath("unshare"); err == nil {
		tools = append(tools, tool{"unshare", path, "with the same namespaces"})
	}
	return tools, nil
}
