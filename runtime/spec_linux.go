package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"minirun/bundles"
)

// WriteSpec writes a config.json to start from into a bundle that has none:
// for root, or for the caller's own ids.
func WriteSpec(bundle string, rootless bool) error {
	const name = "config.json"
	f, err := os.OpenFile(filepath.Join(bundle, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		//lint:ignore ST1005 runc's words
		return fmt.Errorf("File %s exists. Remove it first", name)
	}
	if err != nil {
		return err
	}
	text := bundles.DefaultConfig()
	if rootless {
		text = bundles.RootlessConfig(uint32(os.Geteuid()), uint32(os.Getegid()))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
