// Package cgroups places a container in the host's control groups: version 1,
// version 2, and the hybrid of both.
//
// What to write where is decided by pure functions (resources.go, devices.go,
// host.go); the files named *_linux.go only carry it out. A verb of minirun is
// one short process, so nothing here is initialised before it is needed, and a
// container's start pays for its system calls and for little else.
//
// References: cgroups(7), Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst
// of the kernel, config-linux.md of the runtime-spec.
package cgroups

import (
	"bytes"
	"errors"
	"strings"
)

// A Host is where the control groups of this machine are mounted. A host with
// both a Unified tree and V1 hierarchies is hybrid: limits live in V1, and the
// unified tree lends cgroup.kill and cgroup.events.
type Host struct {
	Unified string      // mount point of the cgroup2 tree; empty where there is none
	Own     string      // the calling process in Unified, below the mount point; empty if it lies outside
	V1      []Hierarchy // in the order of /proc/self/cgroup
}

// A Hierarchy is one mounted version 1 tree.
type Hierarchy struct {
	Name        string   // as /proc/self/cgroup has it: "cpu,cpuacct", "name=systemd"
	Controllers []string // "cpu", "cpuacct"; for a named hierarchy "name=systemd"
	Mount       string   // its mount point
	Own         string   // the calling process, below Mount; empty if it lies outside
	XAttr       bool     // mounted with the xattr option, which a second mount must repeat
}

// MountData returns the data argument with which mount(2) mounts the hierarchy
// once more. A named hierarchy has no controllers, which must be said: "none".
func (h Hierarchy) MountData() string {
	data := h.Name
	if strings.HasPrefix(data, "name=") {
		data = "none," + data
	}
	if h.XAttr {
		data += ",xattr"
	}
	return data
}

// parseHost reads a Host from the contents of /proc/self/mountinfo and
// /proc/self/cgroup. The second names the hierarchies that exist, so no table
// of controllers is needed; one that is mounted nowhere is left out.
func parseHost(mountinfo, self []byte) (*Host, error) {
	mounts := cgroupMounts(mountinfo)
	h := &Host{}
	for line := range bytes.Lines(self) {
		// hierarchy-ID:controller-list:cgroup-path, where the path may hold colons.
		_, rest, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":"))
		list, path, ok2 := bytes.Cut(rest, []byte(":"))
		if !ok || !ok2 || len(path) == 0 || path[0] != '/' {
			return nil, errors.New("cgroup: read /proc/self/cgroup: malformed line " + string(bytes.TrimSpace(line)))
		}
		h.add(string(list), string(path), mounts)
	}
	if h.Unified == "" && len(h.V1) == 0 {
		return nil, errors.New("cgroup: no cgroup file system is mounted")
	}
	return h, nil
}

// add finds the mount of one line of /proc/self/cgroup. A hierarchy may be
// mounted several times, and a mount may show a part of it: the first mount
// through which our own group can be reached is taken, else the first.
func (h *Host) add(list, path string, mounts []cgroupMount) {
	first, _, _ := strings.Cut(list, ",")
	best, own := -1, ""
	for i, m := range mounts {
		if m.unified != (list == "") || !m.unified && !hasOption(m.options, first) {
			continue
		}
		below, ok := below(m.root, path)
		if best < 0 || ok {
			best, own = i, below
		}
		if ok {
			break
		}
	}
	switch {
	case best < 0:
	case list == "":
		h.Unified, h.Own = mounts[best].point, own
	default:
		h.V1 = append(h.V1, Hierarchy{
			Name: list, Controllers: strings.Split(list, ","),
			Mount: mounts[best].point, Own: own, XAttr: hasOption(mounts[best].options, "xattr"),
		})
	}
}

// below returns path as seen from root, both of them paths in one hierarchy.
// In a cgroup namespace a mount that was made outside has a root such as "/..",
// and our own group cannot be named through it.
func below(root, path string) (string, bool) {
	if root == "/" {
		return path, true
	}
	rest, ok := strings.CutPrefix(path, root)
	switch {
	case !ok || strings.HasPrefix(root, "/.."):
		return "", false
	case rest == "":
		return "/", true
	case rest[0] != '/':
		return "", false
	}
	return rest, true
}

// hasOption reports whether a comma-separated list of mount options has want.
func hasOption(options, want string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == want {
			return true
		}
	}
	return false
}
