package cgroups

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A write is one value for one file of the group.
type write struct {
	controller string // "memory"; "" for a core file of version 2
	field      string // the property of linux.resources that asks for it
	file       string
	value      string
	tolerate   syscall.Errno // this refusal is no error; 0 is none
	again      bool          // only if the earlier write to the same file was refused and tolerated
}

// A reader returns the contents of a file of the group, or "" where there is
// no such file.
type reader func(controller, file string) string

// A section is the part of linux.resources that one controller serves. The
// functions return the writes in their order; v2 is nil where version 2 has
// nothing of the kind. A property that is absent, zero or empty is left alone,
// as runc does and as engines rely on: docker sends "cpu.shares": 0 with every
// container, and an update with every field it does not mean as 0.
type section struct {
	name string // of the version 1 controller
	v1   func(*specs.LinuxResources, reader) ([]write, error)
	v2   func(*specs.LinuxResources, reader) ([]write, error)
}

func sections() []section {
	return []section{
		{"cpuset", cpuset, cpuset},
		{"memory", memoryV1, memoryV2},
		{"cpu", cpuV1, cpuV2},
		{"pids", pids, pids},
		{"blkio", blkioV1, ioV2},
		{"hugetlb", hugetlbV1, hugetlbV2},
		{"net_cls", netClsV1, netClsV2},
		{"net_prio", netPrioV1, netPrioV2},
		{"rdma", rdma, rdma},
	}
}

// writesV1 returns the writes that r takes on a host with version 1
// hierarchies, of which mounted knows the controllers.
func writesV1(r *specs.LinuxResources, mounted func(string) bool, read reader) ([]write, error) {
	if len(r.Unified) > 0 {
		return nil, refused("unified", "needs a host with cgroup v2 only")
	}
	var all []write
	for _, s := range sections() {
		ws, err := s.v1(r, read)
		if err != nil {
			return nil, err
		}
		if len(ws) > 0 && !mounted(s.name) {
			return nil, refused(ws[0].field, "the %s controller is not mounted", s.name)
		}
		all = append(all, ws...)
	}
	return all, nil
}

// writesV2 returns the writes that r takes in the unified tree. Whether each
// controller is there is for the write to find out.
func writesV2(r *specs.LinuxResources, read reader) ([]write, error) {
	var all []write
	for _, s := range sections() {
		ws, err := s.v2(r, read)
		if err != nil {
			return nil, err
		}
		all = append(all, ws...)
	}
	ws, err := unified(r.Unified)
	return append(all, ws...), err
}

// missingV2 explains a refused write: available is what cgroup.controllers of
// the group in dir has. It returns nil if the controller is there.
func missingV2(w write, dir, available string) error {
	for name := range strings.FieldsSeq(available) {
		if name == w.controller {
			return nil
		}
	}
	if w.controller == "" {
		return nil
	}
	return refused(w.field, "the %s controller is not available in %s, which has %q", w.controller, dir, strings.TrimSpace(available))
}

// notInV2 refuses what version 2 has no file for, rather than drop it.
func notInV2(field string) error {
	return refused(field, "cgroup v2 has no such setting")
}

// errBusyMemory is what the kernel means by EBUSY for a memory limit.
var errBusyMemory = errors.New("the group uses more than that and not enough can be reclaimed")

// value returns what p points to, or 0.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func itoa(n int64) string  { return strconv.FormatInt(n, 10) }
func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

// maxOr is itoa for a limit of version 2, in which -1 is spelt "max".
func maxOr(n int64) string {
	if n == -1 {
		return "max"
	}
	return itoa(n)
}
