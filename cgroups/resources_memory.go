package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// memoryV1: memory.kernel has had no effect since Linux 5.4 and is ignored, as
// the spec allows and docker's update needs.
func memoryV1(r *specs.LinuxResources, read reader) ([]write, error) {
	m := r.Memory
	if m == nil {
		return nil, nil
	}
	var ws []write
	add := func(field, file, value string) {
		ws = append(ws, write{controller: "memory", field: "memory." + field, file: file, value: value})
	}
	limit, swap := value(m.Limit), value(m.Swap)
	setLimit := func() {
		if limit != 0 {
			add("limit", "memory.limit_in_bytes", itoa(limit))
		}
	}
	setSwap := func() { add("swap", "memory.memsw.limit_in_bytes", itoa(swap)) }
	switch {
	case swap == 0 && limit == -1:
		// No limit on memory means none on memory and swap either, and that
		// comes first. The file is missing where swap is not accounted for.
		swap = -1
		setSwap()
		ws[len(ws)-1].tolerate = syscall.ENOENT
		setLimit()
	case swap == 0:
		setLimit()
	case limit == 0:
		setSwap()
	case swap == -1 || current(read) < uint64(swap):
		// The kernel keeps limit ≤ memsw.limit at every moment
		// (mem_cgroup_resize_max, mm/memcontrol-v1.c): raise the upper one
		// first, lower it last.
		setSwap()
		setLimit()
	default:
		setLimit()
		setSwap()
	}
	if n := value(m.Reservation); n != 0 {
		add("reservation", "memory.soft_limit_in_bytes", itoa(n))
	}
	if n := value(m.KernelTCP); n != 0 {
		add("kernelTCP", "memory.kmem.tcp.limit_in_bytes", itoa(n))
	}
	if value(m.DisableOOMKiller) {
		add("disableOOMKiller", "memory.oom_control", "1")
	}
	if n := m.Swappiness; swappinessSet(n) {
		if *n > 100 {
			return nil, refused("memory.swappiness", "%d is not between 0 and 100", *n)
		}
		add("swappiness", "memory.swappiness", utoa(*n))
	}
	return ws, nil
}

// current returns the memory limit in force.
func current(read reader) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(read("memory", "memory.limit_in_bytes")), 10, 64)
	return n
}

// swappinessSet: docker says -1, as an unsigned number, for "leave alone".
func swappinessSet(n *uint64) bool { return n != nil && int64(*n) != -1 }

func memoryV2(r *specs.LinuxResources, read reader) ([]write, error) {
	m := r.Memory
	if m == nil {
		return nil, nil
	}
	switch {
	case swappinessSet(m.Swappiness):
		return nil, notInV2("memory.swappiness")
	case value(m.DisableOOMKiller):
		return nil, notInV2("memory.disableOOMKiller")
	case value(m.KernelTCP) != 0:
		return nil, notInV2("memory.kernelTCP")
	}
	limit, swap := value(m.Limit), value(m.Swap)
	if value(m.CheckBeforeUpdate) {
		if err := aboveUsage(limit, swap, read); err != nil {
			return nil, err
		}
	}
	var ws []write
	add := func(field, file, value string) *write {
		ws = append(ws, write{controller: "memory", field: "memory." + field, file: file, value: value})
		return &ws[len(ws)-1]
	}
	swapMax, err := swapV2(swap, limit)
	if err != nil {
		return nil, refused("memory.swap", "%w", err)
	}
	if swapMax != "" {
		if w := add("swap", "memory.swap.max", swapMax); swapMax == "max" || swapMax == "0" {
			w.tolerate = syscall.ENOENT // no swap accounting: neither is there any to limit
		}
	}
	if limit != 0 {
		add("limit", "memory.max", maxOr(limit))
	}
	if n := value(m.Reservation); n != 0 {
		add("reservation", "memory.low", maxOr(n))
	}
	return ws, nil
}

// swapV2 returns memory.swap.max for a limit on memory and swap together,
// which is what the spec's memory.swap is; "" leaves it alone.
func swapV2(swap, limit int64) (string, error) {
	switch {
	case swap == 0 && limit != -1:
		return "", nil
	case swap == 0 || swap == -1:
		return "max", nil
	case limit == -1:
		return itoa(swap), nil
	case limit == 0:
		return "", errors.New("memory and swap together cannot be limited without memory.limit")
	case limit < 0:
		return "", fmt.Errorf("memory.limit %d is negative", limit)
	case swap < limit:
		return "", fmt.Errorf("%d is memory and swap together, and less than memory.limit %d", swap, limit)
	}
	return itoa(swap - limit), nil
}

// aboveUsage is memory.checkBeforeUpdate: the kernel would start to reclaim
// and to kill. Version 1 refuses by itself.
func aboveUsage(limit, swap int64, read reader) error {
	usage, err := strconv.ParseUint(strings.TrimSpace(read("memory", "memory.current")), 10, 64)
	switch {
	case err != nil: // not there yet, so nothing is used
		return nil
	case swap > 0 && uint64(swap) <= usage:
		return refused("memory.swap", "%d is not above the present usage of %d bytes", swap, usage)
	case limit > 0 && uint64(limit) <= usage:
		return refused("memory.limit", "%d is not above the present usage of %d bytes", limit, usage)
	}
	return nil
}
