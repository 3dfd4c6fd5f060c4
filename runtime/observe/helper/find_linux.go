package helper

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// find is the path of minirun-observe: as given, beside this executable, or
// in PATH; never in the working directory, which others may have filled.
func find(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	var dirs []string
	if own, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(own))
	}
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		path := filepath.Join(dir, Program)
		if filepath.IsAbs(path) && executable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s beside minirun or in PATH: %w", Program, unix.ENOENT)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}
