package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"minirun/bundles"
)

// WriteSpec writes a config.json to start from into a bundle that has none.
func WriteSpec(bundle string) error {
	const name = "config.json"
	f, err := os.OpenFile(filepath.Join(bundle, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("File %s exists. Remove it first", name) // runc's words
	}
	if err != nil {
		return err
	}
	_, err = f.Write(bundles.DefaultConfig())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
