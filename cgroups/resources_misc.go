package cgroups

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// pids: runtime-spec 1.3 has -1 as no limit and 0 as a limit, which lets the
// container have the task that joins and no other.
func pids(r *specs.LinuxResources, _ reader) ([]write, error) {
	if r.Pids == nil || r.Pids.Limit == nil {
		return nil, nil
	}
	limit := "max"
	if *r.Pids.Limit >= 0 {
		limit = itoa(*r.Pids.Limit)
	}
	return []write{{controller: "pids", field: "pids.limit", file: "pids.max", value: limit}}, nil
}

func hugetlbV1(r *specs.LinuxResources, _ reader) ([]write, error) {
	return hugetlb(r, ".limit_in_bytes")
}

func hugetlbV2(r *specs.LinuxResources, _ reader) ([]write, error) {
	return hugetlb(r, ".max")
}

// hugetlb limits pages in use and, since Linux 5.7, pages reserved: only the
// latter makes mmap fail where otherwise a page fault would kill.
func hugetlb(r *specs.LinuxResources, suffix string) (ws []write, err error) {
	for i, l := range r.HugepageLimits {
		field, size := fmt.Sprintf("hugepageLimits[%d]", i), "hugetlb."+l.Pagesize
		if l.Pagesize == "" || strings.ContainsAny(l.Pagesize, "/.") {
			return nil, refused(field, "%q is not a page size", l.Pagesize)
		}
		limit := utoa(l.Limit)
		ws = append(ws,
			write{controller: "hugetlb", field: field, file: size + suffix, value: limit},
			write{controller: "hugetlb", field: field, file: size + ".rsvd" + suffix, value: limit, tolerate: syscall.ENOENT})
	}
	return ws, nil
}

func netClsV1(r *specs.LinuxResources, _ reader) ([]write, error) {
	if r.Network == nil || value(r.Network.ClassID) == 0 {
		return nil, nil
	}
	return []write{{controller: "net_cls", field: "network.classID", file: "net_cls.classid", value: utoa(uint64(*r.Network.ClassID))}}, nil
}

func netClsV2(r *specs.LinuxResources, _ reader) ([]write, error) {
	if r.Network != nil && value(r.Network.ClassID) != 0 {
		return nil, notInV2("network.classID")
	}
	return nil, nil
}

func netPrioV1(r *specs.LinuxResources, _ reader) (ws []write, err error) {
	if r.Network == nil {
		return nil, nil
	}
	for _, p := range r.Network.Priorities {
		ws = append(ws, write{controller: "net_prio", field: "network.priorities", file: "net_prio.ifpriomap",
			value: p.Name + " " + strconv.Itoa(int(p.Priority))})
	}
	return ws, nil
}

func netPrioV2(r *specs.LinuxResources, _ reader) ([]write, error) {
	if r.Network != nil && len(r.Network.Priorities) > 0 {
		return nil, notInV2("network.priorities")
	}
	return nil, nil
}

func rdma(r *specs.LinuxResources, _ reader) (ws []write, err error) {
	for _, device := range slices.Sorted(maps.Keys(r.Rdma)) {
		limits, value := r.Rdma[device], device
		if limits.HcaHandles != nil {
			value += " hca_handle=" + utoa(uint64(*limits.HcaHandles))
		}
		if limits.HcaObjects != nil {
			value += " hca_object=" + utoa(uint64(*limits.HcaObjects))
		}
		ws = append(ws, write{controller: "rdma", field: "rdma." + device, file: "rdma.max", value: value})
	}
	return ws, nil
}

// unified writes files of version 2 by their names, each line of a value by
// itself, after everything else so that it has the last word.
func unified(files map[string]string) (ws []write, err error) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		controller, parameter, ok := strings.Cut(file, ".")
		if !ok || controller == "" || parameter == "" || strings.Contains(file, "/") {
			return nil, refused(fmt.Sprintf("unified[%q]", file), "is not of the form CONTROLLER.PARAMETER")
		}
		if controller == "cgroup" {
			controller = ""
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(files[file], "\n"), "\n") {
			ws = append(ws, write{controller: controller, field: "unified." + file, file: file, value: line})
		}
	}
	return ws, nil
}
