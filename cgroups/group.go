package cgroups

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// A Group is the place of one container: a directory in every version 1
// hierarchy, in the unified tree, or in both. Its methods may be called from
// any goroutine, but not at the same time.
type Group struct {
	dirs []dir    // version 1 first, in the order of the host; the unified tree last
	made []string // what Create made, parents before children
	unit *Unit    // the scope that the group is, where systemd manages it

	// Tell hears of each limit and each process that is written into a file; nil is deaf.
	Tell func(path, value string)
}

// A dir is the group in one hierarchy.
type dir struct {
	path        string
	root        string   // mount point of the hierarchy; empty after Restore
	controllers []string // of a version 1 hierarchy; nil in the unified tree
}

func (d dir) unified() bool { return d.controllers == nil }

// Group returns the group that cgroupsPath of config.json stands for: empty is
// "/<id>", an absolute path counts from the root of each hierarchy, and a
// relative one from the caller's own group. On a pure version 2 host the
// latter counts from the parent of the caller's group, for the kernel refuses
// controllers below a group that has processes. Nothing is made yet.
func (h *Host) Group(cgroupsPath, id string) (*Group, error) {
	if strings.IndexByte(cgroupsPath, 0) >= 0 {
		return nil, fmt.Errorf("cgroup: linux.cgroupsPath: has a NUL byte")
	}
	relative := cgroupsPath != "" && cgroupsPath[0] != '/'
	if cgroupsPath == "" {
		cgroupsPath = id
	}
	inner := path.Clean("/" + cgroupsPath) // rooted, so that ".." stays inside
	if inner == "/" {
		return nil, fmt.Errorf("cgroup: linux.cgroupsPath: %q is the root of the hierarchy", cgroupsPath)
	}
	g := &Group{dirs: make([]dir, 0, len(h.V1)+1)}
	add := func(mount, own string, controllers []string) error {
		place := inner
		if relative && own == "" {
			return fmt.Errorf("cgroup: linux.cgroupsPath: %q is relative, and the caller's own group is not visible below %s", cgroupsPath, mount)
		}
		if relative {
			place = path.Join(own, inner)
		}
		g.dirs = append(g.dirs, dir{path: mount + place, root: mount, controllers: controllers})
		return nil
	}
	for _, v1 := range h.V1 {
		if err := add(v1.Mount, v1.Own, v1.Controllers); err != nil {
			return nil, err
		}
	}
	if h.Unified == "" {
		return g, nil
	}
	own := h.Own
	if len(h.V1) == 0 && own != "" {
		own = path.Dir(own)
	}
	return g, add(h.Unified, own, nil)
}

// Restore returns the group whose Paths were recorded.
func Restore(paths map[string]string) *Group {
	g := &Group{}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		i := slices.IndexFunc(g.dirs, func(d dir) bool { return d.path == paths[name] })
		switch {
		case name == "": // sorted first, belongs last
		case i >= 0:
			g.dirs[i].controllers = append(g.dirs[i].controllers, name)
		default:
			g.dirs = append(g.dirs, dir{path: paths[name], controllers: []string{name}})
		}
	}
	if p, ok := paths[""]; ok {
		g.dirs = append(g.dirs, dir{path: p})
	}
	return g
}

// Paths returns the directory of each controller by its name, that of the
// unified tree by the empty name. Controllers mounted together share one.
func (g *Group) Paths() map[string]string {
	paths := make(map[string]string, len(g.dirs)+2)
	for _, d := range g.dirs {
		if d.unified() {
			paths[""] = d.path
		}
		for _, c := range d.controllers {
			paths[c] = d.path
		}
	}
	return paths
}

// v1 returns the directory of a version 1 controller, or "".
func (g *Group) v1(controller string) string {
	for _, d := range g.dirs {
		if slices.Contains(d.controllers, controller) {
			return d.path
		}
	}
	return ""
}

// unified returns the directory in the unified tree, or "".
func (g *Group) unified() string {
	if n := len(g.dirs); n > 0 && g.dirs[n-1].unified() {
		return g.dirs[n-1].path
	}
	return ""
}

// pure reports whether the unified tree is all there is, and so holds the
// limits as well.
func (g *Group) pure() bool { return len(g.dirs) == 1 && g.unified() != "" }

// A Placement is what mounting one hierarchy inside a container takes.
type Placement struct {
	Base    string // last element of the host's mount point: "cpu,cpuacct", "systemd", "unified"
	Unified bool   // file system type cgroup2, not cgroup
	Data    string // data of mount(2) for a new mount, as Hierarchy.MountData has it
	Mount   string // mount point on the host
	Dir     string // the container's group, on the host: what to bind without a cgroup namespace
}

// Placements returns one Placement for each hierarchy of h, with g in it.
func (h *Host) Placements(g *Group) []Placement {
	all := make([]Placement, 0, len(h.V1)+1)
	for _, v1 := range h.V1 {
		all = append(all, Placement{Base: path.Base(v1.Mount), Data: v1.MountData(), Mount: v1.Mount, Dir: g.v1(v1.Controllers[0])})
	}
	if h.Unified != "" {
		all = append(all, Placement{Base: path.Base(h.Unified), Unified: true, Mount: h.Unified, Dir: g.unified()})
	}
	return all
}
