package cgroups

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Set applies linux.resources to a group that Create has made, before anybody
// joins it. That includes the device rules, which a container has even if r is
// nil: everything is denied but the devices of the spec's default file system.
func (g *Group) Set(r *specs.LinuxResources) error {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	if err := g.Update(r); err != nil {
		return err
	}
	return g.setDevices(r.Devices)
}

// Update applies r to a group that is in use. Devices are left alone: CRI
// sends a bare "deny all" along with every update. A scope's properties come
// first, for systemd writes the files that it knows.
func (g *Group) Update(r *specs.LinuxResources) error {
	if g.unit != nil {
		if err := g.updateUnit(r); err != nil {
			return err
		}
	}
	return g.write(r)
}

// write writes the files of the group.
func (g *Group) write(r *specs.LinuxResources) error {
	ws, err := g.writes(r)
	if err != nil {
		return err
	}
	var again []string // files whose first write was refused and tolerated
	for _, w := range ws {
		if w.again && !slices.Contains(again, w.file) {
			continue
		}
		dir := g.limits(w.controller)
		g.tell(dir+"/"+w.file, w.value)
		switch err := writeFile(dir, w.file, w.value); {
		case err == nil:
		case w.tolerate != 0 && errors.Is(err, w.tolerate):
			again = append(again, w.file)
		default:
			return g.cannotSet(w, dir, err)
		}
	}
	return nil
}

func (g *Group) tell(path, value string) {
	if g.Tell != nil {
		g.Tell(path, value)
	}
}

func (g *Group) writes(r *specs.LinuxResources) ([]write, error) {
	read := func(controller, file string) string {
		dir := g.limits(controller)
		if dir == "" {
			return ""
		}
		text, _ := readFile(dir, file)
		return text
	}
	if g.pure() {
		return writesV2(r, read)
	}
	return writesV1(r, func(controller string) bool { return g.v1(controller) != "" }, read)
}

// limits returns the directory in which a controller's limits are.
func (g *Group) limits(controller string) string {
	if g.pure() {
		return g.unified()
	}
	return g.v1(controller)
}

// cannotSet names the property, the file, and where the kernel's errno is
// known to be terse, what it means.
func (g *Group) cannotSet(w write, dir string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT) && g.pure():
		available, _ := readFile(dir, "cgroup.controllers")
		var st unix.Stat_t
		if missing := missingV2(w, dir, available); missing != nil && unix.Lstat(dir, &st) == nil {
			return missing
		}
	case errors.Is(err, unix.EBUSY) && w.file == "memory.limit_in_bytes":
		usage, _ := readFile(dir, "memory.usage_in_bytes")
		err = fmt.Errorf("%w (%w; in use: %s)", err, errBusyMemory, strings.TrimSpace(usage))
	case errors.Is(err, unix.EINVAL) && w.file == "memory.limit_in_bytes":
		memsw, _ := readFile(dir, "memory.memsw.limit_in_bytes")
		err = fmt.Errorf("%w (memory.swap limits memory and swap together to %s)", err, strings.TrimSpace(memsw))
	}
	return fmt.Errorf("cgroup: linux.resources.%s: write %q to %s/%s: %w", w.field, w.value, dir, w.file, err)
}
