package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// findResctrl is where resctrl is mounted: where it belongs, or elsewhere.
func findResctrl() (string, error) {
	const usual = "/sys/fs/resctrl"
	var st unix.Statfs_t
	if unix.Statfs(usual, &st) == nil && st.Type == unix.RDTGROUP_SUPER_MAGIC {
		return usual, nil
	}
	mounts, err := readFileAt(unix.AT_FDCWD, "/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("read /proc/self/mountinfo: %w", err)
	}
	if root := resctrlMount(string(mounts)); root != "" {
		return root, nil
	}
	return "", errors.New("no resctrl file system is mounted (mount -t resctrl resctrl /sys/fs/resctrl)")
}

// planResctrl finds the container's group, and refuses one that somebody else
// has made and that delete would then remove.
func (b *birth) planResctrl() error {
	l := b.bundle.Spec.Linux
	if l == nil || l.IntelRdt == nil {
		return nil
	}
	root, err := findResctrl()
	if err == nil {
		b.resctrl = newResctrlGroup(root, b.opts.ID, l.IntelRdt)
		err = b.resctrl.check()
	}
	if err != nil {
		return fmt.Errorf("linux.intelRdt: %w", err)
	}
	b.rec.Resctrl, b.rec.ResctrlMonitor, b.rec.ResctrlDelete = b.resctrl.Dir, b.resctrl.Monitor, b.resctrl.delete()
	return nil
}

func (g *resctrlGroup) check() error {
	g.Exists = exists(g.Dir)
	switch {
	case !g.Named && g.Exists:
		return &fs.PathError{Op: "mkdir", Path: g.Dir, Err: unix.EEXIST}
	case g.Named && !g.Exists && g.Schema == "":
		return fmt.Errorf("closID: there is no %s, and no schema to make it with: %w", g.Dir, unix.ENOENT)
	case g.Monitor != "" && exists(g.Monitor):
		return &fs.PathError{Op: "mkdir", Path: g.Monitor, Err: unix.EEXIST}
	case g.Exists && g.Schema != "":
		have, err := readFileAt(unix.AT_FDCWD, g.Dir+"/schemata")
		if err != nil {
			return &fs.PathError{Op: "read", Path: g.Dir + "/schemata", Err: err}
		}
		if line := differences(g.Schema, string(have)); line != "" {
			return fmt.Errorf("closID: %s has another schema than %q", g.Dir, line)
		}
	}
	return nil
}

// enterResctrl makes the group and puts the process in it.
func (b *birth) enterResctrl() error {
	if b.resctrl == nil {
		return nil
	}
	if err := b.resctrl.enter(b.pid); err != nil {
		return fmt.Errorf("linux.intelRdt: %w", err)
	}
	return nil
}

func (g *resctrlGroup) enter(pid int) error {
	if !g.Exists {
		if err := unix.Mkdir(g.Dir, 0o755); err != nil {
			return g.lastStatus(&fs.PathError{Op: "mkdir", Path: g.Dir, Err: err})
		}
		if g.Schema != "" {
			if err := writeResctrl(g.Dir, "schemata", g.Schema); err != nil {
				return err
			}
		}
	}
	if g.Monitor != "" {
		if err := unix.Mkdir(g.Monitor, 0o755); err != nil {
			return g.lastStatus(&fs.PathError{Op: "mkdir", Path: g.Monitor, Err: err})
		}
	}
	return enterResctrl(g.Dir, g.Monitor, pid)
}

// enterResctrl writes a pid to the tasks of a class and of a monitoring group.
func enterResctrl(dir, monitor string, pid int) error {
	for _, d := range []string{dir, monitor} {
		if d == "" {
			continue
		}
		if err := writeResctrl(d, "tasks", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

func (g *resctrlGroup) lastStatus(err error) error { return lastStatus(g.Dir, err) }

func writeResctrl(dir, file, text string) error {
	path := dir + "/" + file
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_WRONLY|unix.O_TRUNC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		unix.Close(fd)
	}
	if err != nil {
		return lastStatus(dir, &fs.PathError{Op: "write", Path: path, Err: err})
	}
	return nil
}

// lastStatus adds what resctrl says of its last error, in info/last_cmd_status
// of its root, to which the group belongs.
func lastStatus(dir string, err error) error {
	for at := dir; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if text, cause := readFileAt(unix.AT_FDCWD, at+"/info/last_cmd_status"); cause == nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
		}
	}
	return err
}

// deleteResctrl removes the group that was made for a container alone.
func deleteResctrl(r *Record) error {
	if r.ResctrlDelete == "" {
		return nil
	}
	if err := unix.Rmdir(r.ResctrlDelete); ignore(err, unix.ENOENT) != nil {
		return &fs.PathError{Op: "rmdir", Path: r.ResctrlDelete, Err: err}
	}
	return nil
}

// UpdateSchemata changes a container's cache and bandwidth, for the flags of
// update; an empty line leaves one alone.
func (rt *Runtime) UpdateSchemata(id, l3, memBw string) error {
	r, err := rt.Store.Load(id)
	if err != nil {
		return err
	}
	schema, err := updateSchemata(r, l3, memBw)
	if err != nil || schema == "" {
		return err
	}
	return writeResctrl(r.Resctrl, "schemata", schema)
}
