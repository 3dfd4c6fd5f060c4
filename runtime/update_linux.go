package runtime

import (
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"minirun/bundles"
	"minirun/cgroups"
	"minirun/runtime/observe/session"
)

// Update changes the limits of a container that is not stopped. What is
// absent, zero or empty in r stays as it is, and device rules are left alone:
// engines send both along with what they mean. The errors are ErrNotExist,
// ErrNotRunning, ErrCreating, or say which property could not be set; those
// before it are in force then.
func (rt *Runtime) Update(id string, r *specs.LinuxResources) error {
	if err := bundles.ValidateResources(r); err != nil {
		return err
	}
	record, err := rt.Store.Load(id)
	if err != nil {
		return err
	}
	switch status, err := rt.Store.status(record); {
	case err != nil:
		return err
	case status == Stopped:
		return ErrNotRunning
	case status == Creating:
		return ErrCreating
	case len(record.Cgroups) == 0:
		return errNoCgroup
	}
	g, told := cgroups.Restore(record.Cgroups).Of(record.Unit), session.Dial(rt.Store.dir(id))
	defer told.Close()
	g.Tell = func(path, value string) { told.Say("update: writes " + value + " to " + path) }
	return g.Update(r)
}

// ReadResources reads a resources object of the runtime-spec from a file, or
// from standard input for "-".
func ReadResources(path string) (*specs.LinuxResources, error) {
	text, err := readOrStdin(path)
	if err != nil {
		return nil, fmt.Errorf("--resources: %w", err)
	}
	return bundles.DecodeResources(text)
}

func readOrStdin(path string) ([]byte, error) {
	if path == "-" {
		return readAll(int(os.Stdin.Fd()))
	}
	text, err := readFileAt(unix.AT_FDCWD, path)
	if err != nil {
		err = fmt.Errorf("open %s: %w", path, err)
	}
	return text, err
}
