package cgroups

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Start makes the scope of a group that Scope returned, with a process in it,
// and applies r: a scope cannot be without a process. The limits that systemd
// knows are in force before the process is there, the others when Start
// returns; so the process has to wait meanwhile. A user manager has no say in
// devices, beyond the permissions that its user has.
func (g *Group) Start(pid int, r *specs.LinuxResources) error {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	if err := g.startUnit(pid, r); err != nil {
		return g.unit.failed("start", err)
	}
	if err := g.whereIs(pid); err != nil {
		return err
	}
	for _, d := range g.dirs {
		if err := g.complete(d); err != nil {
			return err
		}
	}
	if err := g.write(r); err != nil {
		return err
	}
	if !g.unit.User {
		if err := g.setDevices(r.Devices); err != nil {
			return err
		}
	}
	if g.pure() {
		return nil
	}
	return g.Join(pid)
}

func (g *Group) startUnit(pid int, r *specs.LinuxResources) error {
	m, err := g.unit.open()
	if err != nil {
		return err
	}
	defer m.close()
	props := unitProperties(g.unit.slice, g.unit.id, pid, g.pure(), g.unit.wanted)
	limits, err := unitLimits(r, g.pure(), m.versionFor(r))
	if err != nil {
		return err
	}
	props = append(props, limits...)
	if !g.unit.User {
		devices, err := deviceLimits(r.Devices)
		if err != nil {
			return err
		}
		props = append(props, devices...)
	}
	return m.start(g.unit.Name, props, g.inUse)
}

// updateUnit sets the properties that r takes, for as long as the unit lives.
func (g *Group) updateUnit(r *specs.LinuxResources) error {
	m, err := g.unit.open()
	if err != nil {
		return g.unit.failed("update", err)
	}
	defer m.close()
	props, err := unitLimits(r, g.pure(), m.versionFor(r))
	if err != nil || len(props) == 0 {
		return err
	}
	if _, err := m.method("SetUnitProperties", g.unit.Name, true, properties(props)); err != nil {
		return g.unit.failed("update", err)
	}
	return nil
}

// versionFor returns the version of systemd if a property of r depends on it.
func (m *manager) versionFor(r *specs.LinuxResources) int {
	if r.CPU == nil || r.CPU.Idle == nil {
		return 0
	}
	text, err := m.property("Version") // "257.7-1", "v249.11"
	if err != nil {
		return 0
	}
	text = strings.TrimPrefix(text, "v")
	n, _ := strconv.Atoi(text[:len(text)-len(strings.TrimLeft(text, "0123456789"))])
	return n
}

// inUse tells whether anybody is in the group.
func (g *Group) inUse() error {
	for _, d := range g.dirs {
		if err := mustBeEmpty(d.path); err != nil {
			return err
		}
	}
	return nil
}

// complete makes what systemd has left out: the hierarchies of version 1 that
// it does not know, and the controllers of version 2.
func (g *Group) complete(d dir) error {
	before := len(g.made)
	if err := g.mkdir(d.path, d.root); err != nil {
		return err
	}
	switch {
	case d.unified() && g.pure():
		enableControllers(d.root, d.path)
	case d.path == g.v1("cpuset"):
		return inheritCpuset(d.root, d.path, len(g.made) > before)
	}
	return nil
}

// whereIs makes sure that the process is where everybody will look for it.
func (g *Group) whereIs(pid int) error {
	d := g.dirs[len(g.dirs)-1]
	name := "" // of the hierarchy that is systemd's own
	if !d.unified() {
		d, name = dir{path: g.v1("name=systemd")}, "name=systemd"
	}
	if d.path == "" {
		return errors.New("cgroup: the hierarchy name=systemd is not mounted")
	}
	text, err := readAll("/proc/"+strconv.Itoa(pid)+"/cgroup", make([]byte, 0, 512))
	if err != nil {
		return failed("read", "/proc/"+strconv.Itoa(pid)+"/cgroup", err)
	}
	for line := range bytes.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		if list, at, _ := strings.Cut(rest, ":"); list == name && !strings.HasSuffix(d.path, at) {
			return fmt.Errorf("systemd: put process %d into %s, not into %s: %w", pid, at, d.path, unix.EXDEV)
		}
	}
	return nil
}

// mayAttach says whether systemd may do what a user may not: move a process
// into the user's scope out of a group that another owns as well, such as that
// of the session that the user has logged in to.
func (g *Group) mayAttach(err error) bool {
	return g.unit != nil && g.unit.User && g.pure() && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT))
}

// attach has the user manager move a process, which asks the system's manager
// if need be (AttachProcessesToUnit, org.freedesktop.systemd1(5)).
func (g *Group) attach(d dir, pid int) error {
	m, err := g.unit.open()
	if err != nil {
		return err
	}
	defer m.close()
	_, below, _ := strings.Cut(d.path, "/"+g.unit.Name)
	_, err = m.method("AttachProcessesToUnit", g.unit.Name, below, arrayOf("u", uint32(pid)))
	return err
}

// stopUnit ends the scope, unless systemd has done so by itself, as it does
// when the last process is gone: its directory has gone then.
func (g *Group) stopUnit() error {
	for _, dir := range [...]string{g.unified(), g.v1("name=systemd")} {
		var st unix.Stat_t
		if dir == "" || unix.Lstat(dir, &st) != nil {
			continue
		}
		return g.unit.stop()
	}
	return nil
}

// Unit returns the scope that the group is, nil without systemd.
func (g *Group) Unit() *Unit { return g.unit }

// Of makes a group that Restore returned that of a scope.
func (g *Group) Of(u *Unit) *Group {
	g.unit = u
	return g
}
